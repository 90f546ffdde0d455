//! How clients leave, and what befalls their wires.

use crate::acts::MAX_LINKS;
use crate::link::Asked;
use crate::world::World;

impl World {
    /// Slots are given away as soon as they are free.
    pub fn come_and_go(&mut self) {
        let numbers: Vec<u64> = self.links.keys().copied().collect();
        if !numbers.is_empty() && self.choice.once_in(2) {
            let number = self.choice.of(&numbers);
            self.cut(number);
            self.turn();
        }
        self.sweep();
        if self.links.len() < MAX_LINKS {
            self.arrive();
        }
    }

    /// The last line: `bye`, or the end of input.
    pub fn end(&mut self, number: u64) {
        let bye = self.choice.once_in(2);
        if bye {
            self.write(number, "bye", "", Some(Asked::Other("bye")));
        }
        let now = self.now;
        let link = self.links.get_mut(&number).expect("a link");
        link.ended_ms.get_or_insert(now);
        link.said_bye |= bye;
        link.fin |= !bye;
        if !bye {
            self.say(format_args!("#{number} ends its input"));
        }
    }

    pub fn cut(&mut self, number: u64) {
        let now = self.now;
        self.links.get_mut(&number).expect("a link").cut(now);
        self.say(format_args!("#{number} is cut"));
    }

    /// A reader stops and goes on, a wire is dead for a while.
    pub fn toggle(&mut self, number: u64, stall: bool) {
        let link = self.links.get_mut(&number).expect("a link");
        link.was_slow = true;
        let what = match stall {
            true => {
                link.is_stalled ^= true;
                format!("stalled {}", link.is_stalled)
            }
            false => {
                link.is_partitioned ^= true;
                format!("partitioned {}", link.is_partitioned)
            }
        };
        self.say(format_args!("#{number} {what}"));
    }
}
