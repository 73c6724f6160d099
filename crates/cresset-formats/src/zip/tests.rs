//! Archives as large ones are written, and archives that lie.

use super::{Archive, Writer};

fn archive(narrow: u64, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::with_narrow(&mut bytes, narrow);
    for (i, (name, content)) in files.iter().enumerate() {
        if i % 2 == 0 {
            writer.store(name, 64, &|file| Ok(file.write_all(content)?)).unwrap();
        } else {
            writer.deflate(name, &|file| Ok(file.write_all(content)?)).unwrap();
        }
    }
    writer.finish().unwrap();
    bytes
}

#[test]
fn what_is_written_is_read_as_small_and_as_large_archives_are() {
    let long = vec![7; 10_000];
    let files: [(&str, &[u8]); 4] = [("a", b"abc"), ("b/größe", &long), ("empty", b""), ("", &long)];
    for narrow in [u64::from(u32::MAX), 1000, 3, 0] {
        let bytes = archive(narrow, &files);
        let archive = Archive::open(&bytes).unwrap();
        assert_eq!(archive.entries().len(), files.len());
        for (name, content) in files {
            let read = archive.find(name).unwrap().read_checked().unwrap();
            assert_eq!(*read, *content, "{name} {narrow}");
            let start = read.as_ptr() as usize - bytes.as_ptr() as usize;
            assert!(name != "a" || start.is_multiple_of(64));
        }
    }
}

#[test]
fn archives_that_lie_are_refused() {
    let good = archive(u64::from(u32::MAX), &[("a", &[1; 100]), ("b", &[2; 100]), ("c", &[3; 100])]);
    let directory = good.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        match Archive::open(&bytes)
            .and_then(|archive| archive.entries().iter().try_for_each(|entry| entry.read_checked().map(drop)))
        {
            Ok(()) => panic!("was read"),
            Err(trouble) => trouble.of("zip", None).message().to_owned(),
        }
    };
    let second = directory + 46 + 1;
    // Both names mean the first file.
    let text = refused(&|bytes| bytes.copy_within(directory..directory + 46, second));
    assert!(text.contains("overlap"), "{text}");
    let text = refused(&|bytes| bytes[second + 46] = b'a');
    assert!(text.contains("'a' twice"), "{text}");
    let text = refused(&|bytes| bytes[directory + 8] |= 1);
    assert!(text.contains("encrypted"), "{text}");
    let text = refused(&|bytes| bytes[directory + 10] = 14);
    assert!(text.contains("method 14"), "{text}");
    // A deflated file that claims to be of 4 GiB, and one that claims less than it is.
    let text = refused(&|bytes| bytes[second + 24..second + 28].fill(0xfe));
    assert!(text.contains("cannot inflate"), "{text}");
    let text = refused(&|bytes| bytes[second + 24] = 99);
    assert!(text.contains("'b' in the archive") && text.contains("not the 99"), "{text}");
    let text = refused(&|bytes| bytes[directory - 1] ^= 1);
    assert!(text.contains("checksum"), "{text}");
    let text = refused(&|bytes| bytes[directory + 42..directory + 46].fill(0xfe));
    assert!(text.contains("outside the file"), "{text}");
    let end = good.len() - 22;
    let text = refused(&|bytes| bytes[end + 16] ^= 0xff);
    assert!(text.contains("directory"), "{text}");
}
