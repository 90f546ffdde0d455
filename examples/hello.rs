use std::time::Duration;

use privmsgd::client::{Client, Event, Profile, Purpose};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [me, you, text] = &words[..] else {
        return Err("usage: hello NAME TO TEXT".into());
    };
    let profile = Profile::new("127.0.0.1:7748".parse()?, me);
    let mut client = Client::start(&profile, Purpose::Receive)?;
    client.send(you, text)?;
    loop {
        match client.next_event(Duration::from_secs(60)) {
            Some(Event::Message(message)) => println!("{}: {}", message.from, message.body.text()),
            Some(Event::Refused { error, .. }) => println!("{error}"),
            Some(Event::Ended(end)) => return Err(end.into()),
            _ => {}
        }
    }
}
