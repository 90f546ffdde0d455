use std::io::{self, Read, Write};
use privmsgd::{config::Config, engine::Engine, net::{admit::Peer, conn::Transport}};
#[derive(Default)]
struct T { input: &'static [u8], reps: usize, wrote: u64, limit: usize }
impl Read for T { fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
  if self.reps == 0 { return Err(io::ErrorKind::WouldBlock.into()); }
  self.reps -= 1; let n = self.input.len().min(to.len()); to[..n].copy_from_slice(&self.input[..n]); Ok(n) } }
impl Write for T { fn write(&mut self, f: &[u8]) -> io::Result<usize> { self.wrote += f.len() as u64; Ok(f.len()) } fn flush(&mut self)->io::Result<()> {Ok(())} }
impl Transport for T { fn shutdown_write(&mut self)->io::Result<()> {Ok(())} }
fn main(){
  let turns: usize = std::env::args().nth(1).unwrap().parse().unwrap();
  let mut e = Engine::new(&Config::default(), 1000, Box::new(|| Some(5)));
  let reg = |n: usize| -> &'static [u8] { Box::leak(format!("{{\"type\":\"register\",\"username\":\"user{n}\"}}\n").into_bytes().into_boxed_slice()) };
  let mut ids = vec![];
  for n in 0..200 { let id = e.connect(T{input: reg(n), reps:1, ..T::default()}, Peer::unix()); e.readable(id.key,false); e.flush(); ids.push(id); }
  for n in 0..100 { let line = format!("{{\"type\":\"privateMessage\",\"toUsername\":\"user{}\",\"message\":\"{}\"}}\n", n+100, "x".repeat(100)); let s: &'static [u8] = Box::leak(line.repeat(64).into_bytes().into_boxed_slice()); e.conns.stream_mut(ids[n]).unwrap().input = s; }
  let t = std::time::Instant::now();
  for i in 0..turns { e.advance(i as u64, i as u64); for n in 0..100 { e.conns.stream_mut(ids[n]).unwrap().reps=1; e.readable(ids[n].key,false);} e.tick(); e.flush(); e.reap(); }
  let el = t.elapsed(); let msgs = turns*6400; let w: u64 = ids.iter().map(|i| e.conns.stream_mut(*i).unwrap().wrote).sum();
  println!("{} msgs {:.1} ns/msg wrote {}", msgs, el.as_nanos() as f64/msgs as f64, w);
}
