//! CRC-32C (Castagnoli; RFC 3720, appendix B.4), eight bytes at a time. Knows no rows.

/// A sum in the making, over numbers and byte strings of which each is told from its neighbours.
#[derive(Clone, Copy)]
pub struct Crc(u32);

impl Crc {
    pub fn new() -> Self {
        Crc(!0)
    }

    pub fn number(self, number: u64) -> Self {
        Crc(step(self.0, number.to_le_bytes()))
    }

    /// What is not there is no number.
    pub fn option(self, number: Option<u64>) -> Self {
        match number {
            Some(number) => self.number(1).number(number),
            None => self.number(0),
        }
    }

    pub fn text(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.number(1).number(bytes.len() as u64).bytes(bytes),
            None => self.number(0),
        }
    }

    pub fn bytes(self, bytes: &[u8]) -> Self {
        let (eights, rest) = bytes.as_chunks::<8>();
        let crc = eights.iter().fold(self.0, |crc, eight| step(crc, *eight));
        Crc(rest.iter().fold(crc, |crc, byte| {
            let [low, ..] = crc.to_le_bytes();
            look(&TABLES[0], low ^ byte) ^ (crc >> 8)
        }))
    }

    pub fn sum(self) -> u32 {
        !self.0
    }
}

fn step(crc: u32, eight: [u8; 8]) -> u32 {
    let [a, b, c, d, e, f, g, h] = eight;
    let [p, q, r, s] = crc.to_le_bytes();
    let [t0, t1, t2, t3, t4, t5, t6, t7] = &TABLES;
    look(t7, a ^ p)
        ^ look(t6, b ^ q)
        ^ look(t5, c ^ r)
        ^ look(t4, d ^ s)
        ^ look(t3, e)
        ^ look(t2, f)
        ^ look(t1, g)
        ^ look(t0, h)
}

fn look(table: &[u32; 256], byte: u8) -> u32 {
    table[usize::from(byte)]
}

/// The polynomial, its lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// `TABLES[n][b]`: what the byte b does to the sum when n more bytes follow it.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(crc & 1));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut more = 1;
    while more < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = tables[more - 1][byte];
            tables[more][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        more += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_3720_come_out() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        for (bytes, sum) in [
            (&b"123456789"[..], 0xe306_9283),
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
            (&descending, 0x113f_db5c),
        ] {
            assert_eq!(Crc::new().bytes(bytes).sum(), sum);
        }
    }

    #[test]
    fn the_tables_say_what_a_byte_does_bit_by_bit() {
        let tables = tables();
        for byte in 0..=255 {
            let one = |sum: u32, _| (sum >> 1) ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 };
            let mut sum = (0..8).fold(u32::from(byte), one);
            for table in &tables {
                assert_eq!(look(table, byte), sum);
                sum = (0..8).fold(sum, one);
            }
        }
        assert_eq!(tables, TABLES);
    }

    #[test]
    fn neighbours_are_told_apart() {
        let sum = |a: &[u8], b: &[u8]| Crc::new().text(Some(a)).text(Some(b)).sum();
        assert_ne!(sum(b"ab", b"c"), sum(b"a", b"bc"));
        let none = Crc::new().text(None).sum();
        assert_ne!(none, Crc::new().text(Some(b"")).sum());
        assert_ne!(none, Crc::new().option(Some(0)).sum());
    }
}
