//! Pickles that no `torch.save` wrote, made to exhaust the stack or the memory, or to run something.

use cresset_tensor::{Result, State};

use crate::zip::Writer;

/// A checkpoint of a pickle and storages of these bytes.
fn load(pickle: &[u8], storages: &[&[u8]]) -> Result<State> {
    let mut bytes = Vec::new();
    let mut archive = Writer::new(&mut bytes);
    archive.store("a/data.pkl", 1, &|file| Ok(file.write_all(pickle)?)).unwrap();
    for (key, storage) in storages.iter().enumerate() {
        archive.store(&format!("a/data/{key}"), 1, &|file| Ok(file.write_all(storage)?)).unwrap();
    }
    archive.finish().unwrap();
    super::from_bytes(&bytes)
}

#[track_caller]
fn refused(pickle: &[u8], words: &str) {
    let text = load(pickle, &[&[0; 16]]).unwrap_err().to_string();
    assert!(text.contains(words), "{text}");
}

/// A tensor over storage 0 of four floats, its offset, shape and strides given as opcodes.
fn tensor(numel: u8, offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut pickle =
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n".to_vec();
    pickle.extend(b"X\x01\0\0\x000X\x03\0\0\0cpuK");
    pickle.extend([numel, b't', b'Q']);
    for part in [offset, shape, strides] {
        pickle.extend(part);
    }
    pickle.extend(b"\x89NtR.");
    pickle
}

#[test]
fn nothing_is_run() {
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("__builtin__", "exec"),
        ("subprocess", "Popen"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("copyreg", "_reconstructor"),
        ("collections", "namedtuple"),
        ("numpy", "load"),
        ("torch", "FloatTensor"),
    ] {
        let by_line = format!("\x02c{module}\n{name}\nX\x01\0\0\0x\u{1}");
        let mut pickle = vec![0x80];
        pickle.extend(by_line.as_bytes());
        pickle.extend(b"\x85R.");
        refused(&pickle, &format!("names {module}.{name}; nothing was run"));
        let mut pickle = vec![0x80, 4, 0x8c, module.len() as u8];
        pickle.extend(module.as_bytes());
        pickle.extend([0x8c, name.len() as u8]);
        pickle.extend(name.as_bytes());
        pickle.extend([0x93, b'.']);
        refused(&pickle, &format!("names {module}.{name}; nothing was run"));
    }
    // Names known by number, and other ways to make objects.
    for opcode in
        [b"\x82\x01".as_slice(), b"(cos\nsystem\no", b"(ios\nsystem\n", b"Px\n", b"\x92", b"\x97", b"I1\n"]
    {
        let pickle = [b"\x80\x02".as_slice(), opcode, b"."].concat();
        assert!(load(&pickle, &[]).is_err());
    }
}

#[test]
fn misfits_are_refused() {
    for (pickle, words) in [
        (b"".as_slice(), "cut off"),
        (b"\x80\x02", "cut off"),
        (b"\x80\x02.", "takes a value where there is none"),
        (b"\x80\x06N.", "protocol 6"),
        (b"\x80\x02(.", "takes a value where there is none"),
        (b"\x80\x02t.", "a mark it did not set"),
        (b"\x80\x02K\x01K\x02R.", "it calls an int"),
        (b"\x80\x02ctorch\nSize\nK\x01R.", "it calls a function of an int"),
        (b"\x80\x02ctorch\nSize\nK\x01\x85R.", "do not fit"),
        (b"\x80\x02ctorch\nSize\n.", "a class or function is no value"),
        (b"\x80\x02h\x05.", "recalls memo 5"),
        (b"\x80\x02K\x01K\x02a.", "it appends to an int"),
        (b"\x80\x02K\x01K\x02K\x03s.", "it sets items of an int"),
        (b"\x80\x02}(K\x01u.", "a key without a value"),
        (b"\x80\x02}K\x01Nb.", "gives an int a state"),
        (b"\x80\x02}NK\x01s.", "the key of a dict is None"),
        (b"\x80\x02((tNd.", "the key of a dict is a tuple"),
        (b"\x80\x02K\x01Q.", "is no storage"),
        (b"\x80\x02X\xff\xff\xff\xffab.", "cut off: 4294967295 bytes should follow"),
        (b"\x80\x02X\x01\0\0\0\xff.", "not UTF-8"),
        (b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xffab.", "cut off"),
        (b"\x80\x02\x8b\xff\xff\xff\x7fab.", "cut off"),
        (b"\x80\x02\x8a\x11abcdefghijklmnopq.", "a whole number has 17 bytes"),
        (b"\x80\x02r\xff\xff\xff\xffN.", "takes a value where there is none"),
        (b"\x80\x02ctorch\nComplexFloatStorage\n.", "complex"),
        (b"\x80\x02ctorch\nQInt8Storage\n.", "whose dtype there is not here"),
        (b"\x80\x02ctorch", "middle of a line"),
    ] {
        refused(pickle, words);
    }
}

#[test]
fn tensors_lie_inside_their_storage() {
    let (zero, four, one) = (b"K\x00".as_slice(), b"K\x04\x85".as_slice(), b"K\x01\x85".as_slice());
    let good = load(&tensor(4, zero, four, one), &[&[0; 16]]).unwrap();
    assert_eq!(good.array().unwrap().shape(), &[4]);
    refused(&tensor(5, zero, four, one), "storage '0' holds 16 bytes, where 5 float32 should be");
    refused(&tensor(4, b"K\x01", four, one), "from element 1 reaches beyond its storage of 4");
    refused(
        &tensor(4, zero, four, b"K\x02\x85"),
        "strides [2] from element 0 reaches beyond its storage of 4",
    );
    refused(&tensor(4, b"K\x03", four, b"J\xff\xff\xff\xff\x85"), "whole numbers from zero on");
    refused(&tensor(4, zero, b"J\xff\xff\xff\xff\x85", one), "whole numbers from zero on");
    refused(&tensor(4, zero, four, b")"), "1 sizes and 0 strides");
    refused(&tensor(4, b"N", four, one), "where in its storage it begins");
    let vast = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85";
    refused(&tensor(4, zero, vast, b"K\x00\x85"), "more elements than memory can address");
    refused(&tensor(4, &vast[..10], four, one), "reaches beyond its storage");
    let many = [b"(".as_slice(), &b"K\x01".repeat(100), b"t"].concat();
    refused(&tensor(4, zero, &many, &many), "up to 64");
    // A view may repeat its elements.
    let view = load(&tensor(4, zero, b"K\xff\x85", b"K\x00\x85"), &[&[0; 16]]).unwrap();
    assert_eq!(view.array().unwrap().numel(), 255);
    refused(&tensor(4, zero, four, one)[..40], "cut off");
}

#[test]
fn neither_depth_nor_circles_exhaust_the_stack() {
    let depth = 1_000_000;
    let lists = [b"\x80\x02".to_vec(), b"]".repeat(depth), b"a".repeat(depth - 1), b".".to_vec()].concat();
    refused(&lists, "nested deeper than 100 levels, or in a circle");
    let tuples = [b"\x80\x02N".to_vec(), b"\x85".repeat(depth), b".".to_vec()].concat();
    refused(&tuples, "nested deeper");
    refused(&[b"\x80\x02".to_vec(), b"(".repeat(depth), b".".to_vec()].concat(), "takes a value");
    refused(b"\x80\x02]q\x00h\x00a.", "in a circle");
    // A call of a call of a call.
    let call = b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\nq\x00(h\x00ctorch\nTensor\n)}tR.";
    refused(call, "do not fit");
}

#[test]
fn repetition_does_not_fill_the_memory() {
    // Lists of ten of the list before, twenty times: 10^20 values of 600 bytes.
    let mut pickle = b"\x80\x02N".to_vec();
    for _ in 0..20 {
        pickle.extend(b"q\x000](");
        pickle.extend(b"h\x00".repeat(10));
        pickle.extend(b"e");
    }
    pickle.push(b'.');
    refused(&pickle, "repeats itself");
    // One long text, a hundred thousand times.
    let mut pickle = b"\x80\x02](X\x00\x00\x01\x00".to_vec();
    pickle.extend([b'x'; 0x10000]);
    pickle.extend(b"q\x00");
    pickle.extend(b"h\x00".repeat(100_000));
    pickle.extend(b"e.");
    refused(&pickle, "repeats itself");
    // One long dict, copied again and again.
    let mut pickle = b"\x80\x02}(".to_vec();
    pickle.extend(b"NN".repeat(50_000));
    pickle.extend(b"uq\x00ccollections\nCounter\nq\x01");
    pickle.extend(b"h\x01h\x00\x85R".repeat(50_000));
    pickle.push(b'.');
    refused(&pickle, "repeats itself");
}
