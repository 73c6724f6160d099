//! Files of data: good ones read as their formats say, damaged ones are refused with an error that says why.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use cresset_autograd::prelude::*;
use cresset_data::{
    Csv, Dataset, LabelledImages, Missing, State, Vocabulary, cifar10, cifar100, digits, fashion_mnist,
    mnist, read_idx, save_image,
};
use cresset_tensor::ErrorKind;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

/// A folder that is gone when this is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("cresset-data-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// As the format says: two zeros, the kind, the rank, the sizes, the numbers, highest byte first.
fn idx(kind: u8, sizes: &[u32], numbers: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind, sizes.len() as u8];
    sizes.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(numbers);
    bytes
}

fn refused(result: Result<impl Sized>, why: &str) {
    match result {
        Ok(_) => panic!("was not refused: {why}"),
        Err(error) => {
            assert!(error.to_string().contains(why), "{error} does not say: {why}");
            assert_eq!(error.kind(), ErrorKind::File, "{error}");
        }
    }
}

#[test]
fn idx_numbers_of_every_kind() {
    let folder = Folder::new("idx");
    let read = |bytes: Vec<u8>| read_idx(folder.write("x", &bytes)).unwrap();
    let x = read(idx(0x08, &[2, 3], &[0, 1, 2, 253, 254, 255]));
    assert_eq!((x.shape().to_vec(), x.to_vec::<u8>().unwrap()), (vec![2, 3], vec![0, 1, 2, 253, 254, 255]));
    assert_eq!(read(idx(0x09, &[2], &[0xFF, 1])).to_vec::<i8>().unwrap(), [-1, 1]);
    assert_eq!(read(idx(0x0B, &[2], &[0x01, 0x02, 0xFF, 0xFE])).to_vec::<i16>().unwrap(), [258, -2]);
    assert_eq!(read(idx(0x0C, &[1], &[0, 1, 0, 2])).to_vec::<i32>().unwrap(), [65_538]);
    assert_eq!(read(idx(0x0D, &[1], &1.5f32.to_be_bytes())).to_vec::<f32>().unwrap(), [1.5]);
    assert_eq!(read(idx(0x0E, &[1, 1], &(-2.5f64).to_be_bytes())).to_vec::<f64>().unwrap(), [-2.5]);
    assert_eq!(read(gzip(&idx(0x08, &[3], &[7, 8, 9]))).to_vec::<u8>().unwrap(), [7, 8, 9]);
    assert_eq!(read(idx(0x08, &[0, 5], &[])).shape(), &[0, 5]);
}

#[test]
fn damaged_idx_files_say_what_is_wrong() {
    let folder = Folder::new("damaged");
    let read = |bytes: &[u8]| read_idx(folder.write("x", bytes));
    let good = idx(0x08, &[2, 3], &[1, 2, 3, 4, 5, 6]);
    refused(read(&[]), "the magic number cannot be read");
    refused(read(b"hello world"), "not an IDX file");
    refused(read(&idx(0x07, &[1], &[1])), "no kind of numbers 0x07");
    refused(read(&idx(0x08, &[], &[1])), "no dimensions");
    refused(read(&good[..9]), "ends in the size of dimension 1 of 2");
    refused(read(&good[..good.len() - 1]), "truncated, or its sizes lie: [2, 3] of uint8 are not 5 bytes");
    refused(read(&[&good[..], &[0]].concat()), "there is more behind the 6 bytes");
    // Sizes that would be more than memory, or more than a number holds.
    refused(read(&idx(0x0E, &[u32::MAX, u32::MAX, 4], &[0; 8])), "its sizes lie");
    refused(read(&idx(0x08, &[u32::MAX; 9], &[0; 8])), "its sizes lie");
    refused(read(&gzip(&idx(0x08, &[1 << 30], &[0; 8]))), "its sizes lie");
    refused(read(&gzip(&idx(0x08, &[20], &[0; 8]))), "truncated: 8 of 20 bytes");
    let packed = gzip(&idx(0x08, &[1000], &Vec::from_iter((0..1000).map(|i| (i * i % 251) as u8))));
    refused(read(&packed[..packed.len() - 4]), "damaged");
    refused(read(&packed[..packed.len() / 2]), "damaged");
    let mut wrong_sum = packed.clone();
    let place = packed.len() - 6;
    wrong_sum[place] ^= 1;
    refused(read(&wrong_sum), "damaged after 1000 of 1000 bytes");
    refused(read_idx(folder.0.join("nowhere")), "nowhere");
    refused(read_idx(&folder.0), "");
}

fn images(count: u32) -> (Vec<u8>, Vec<u8>) {
    let pixels: Vec<u8> = (0..count * 28 * 28).map(|i| (i % 256) as u8).collect();
    let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
    (idx(0x08, &[count, 28, 28], &pixels), idx(0x08, &[count], &labels))
}

#[test]
fn mnist_and_its_likes() {
    let folder = Folder::new("mnist");
    let (pixels, labels) = images(12);
    folder.write("train-images-idx3-ubyte", &pixels);
    folder.write("train-labels-idx1-ubyte", &labels);
    folder.write("FashionMNIST/raw/t10k-images-idx3-ubyte.gz", &gzip(&images(5).0));
    folder.write("FashionMNIST/raw/t10k-labels-idx1-ubyte.gz", &gzip(&images(5).1));
    let train = mnist(&folder.0, true).unwrap();
    assert_eq!((train.len(), train.size()), (12, [1, 28, 28]));
    let (image, label) = train.item(11).unwrap();
    assert_eq!((image.shape().to_vec(), label), (vec![1, 28, 28], 1));
    let first = (11 * 784 % 256) as f32;
    assert_eq!(image.to_vec::<f32>().unwrap()[..2], [first / 255.0, (first + 1.0) / 255.0]);
    let test = fashion_mnist(&folder.0, false).unwrap();
    assert_eq!((test.len(), test.classes()[9].as_str()), (5, "Ankle boot"));
    assert_eq!(test.labels().unwrap().to_vec::<i64>().unwrap(), [0, 1, 2, 3, 4]);

    refused(mnist(&folder.0, false), "no file t10k-images-idx3-ubyte or t10k-images.idx3-ubyte(.gz)");
    folder.write("train-labels-idx1-ubyte", &idx(0x08, &[11], &[0; 11]));
    refused(mnist(&folder.0, true), "11 labels for the 12 images");
    folder.write("train-labels-idx1-ubyte", &idx(0x08, &[12], &[10; 12]));
    refused(mnist(&folder.0, true), "image 0 is of class 10, of 10");
    folder.write("train-labels-idx1-ubyte", &pixels);
    refused(mnist(&folder.0, true), "bytes of 1 dimensions were expected");
}

#[test]
fn cifar() {
    let folder = Folder::new("cifar");
    let record = |labels: &[u8], start: u8| {
        let pixels = (0..3072u32).map(|i| start.wrapping_add((i / 1024) as u8));
        labels.iter().copied().chain(pixels).collect::<Vec<u8>>()
    };
    for batch in 1..=5u8 {
        let bytes = [record(&[batch], 10 * batch), record(&[9], 0)].concat();
        folder.write(&format!("cifar-10-batches-bin/data_batch_{batch}.bin"), &bytes);
    }
    let train = cifar10(&folder.0, true).unwrap();
    assert_eq!((train.len(), train.size(), train.classes()[6].as_str()), (10, [3, 32, 32], "frog"));
    let (image, label) = train.item(4).unwrap();
    let image = image.to_vec::<f32>().unwrap();
    assert_eq!(label, 3);
    // Whole planes of red, green, blue.
    assert_eq!(
        [image[0], image[1023], image[1024], image[3071]],
        [30.0, 30.0, 31.0, 32.0].map(|x: f32| x / 255.0)
    );

    folder.write("test.bin", &[record(&[19, 99], 1), record(&[0, 3], 1)].concat());
    let labels =
        |coarse| cifar100(&folder.0, false, coarse).unwrap().labels().unwrap().to_vec::<i64>().unwrap();
    assert_eq!((labels(false), labels(true)), (vec![99, 3], vec![19, 0]));
    folder.write(
        "fine_label_names.txt",
        Vec::from_iter((0..100).map(|i| format!("thing{i}\n"))).concat().as_bytes(),
    );
    assert_eq!(cifar100(&folder.0, false, false).unwrap().classes()[99], "thing99");

    refused(cifar10(&folder.0, false), "no file test_batch.bin");
    folder.write("test_batch.bin", &record(&[1], 0)[1..]);
    refused(cifar10(&folder.0, false), "3072 bytes are not whole records of 3073");
    folder.write("test_batch.bin", &record(&[77], 0));
    refused(cifar10(&folder.0, false), "record 0 is of class 77, of 10");
    folder.write("test_batch.bin", &[]);
    refused(cifar10(&folder.0, false), "not whole records");
    folder.write("test_batch.bin", &gzip(&record(&[1], 0)));
    refused(cifar10(&folder.0, false), "is compressed");
}

#[test]
fn the_digits() {
    let all = digits().unwrap();
    // Counts of each digit in the file, and the first digit's second row: 0 0 13 15 10 15 5 0.
    let mut counts = [0; 10];
    all.labels().unwrap().to_vec::<i64>().unwrap().into_iter().for_each(|digit| counts[digit as usize] += 1);
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    let (zero, label) = all.item(0).unwrap();
    assert_eq!(label, 0);
    let row: Vec<f32> = zero.select(1, 1).unwrap().to_vec().unwrap();
    assert_eq!(row, [0.0, 0.0, 13.0, 15.0, 10.0, 15.0, 5.0, 0.0].map(|x: f32| x / 16.0));

    let [train, test] = all.split([0.8, 0.2], 0).unwrap();
    let share = |part: &LabelledImages| {
        let labels = part.labels().unwrap().to_vec::<i64>().unwrap();
        (0..10).map(|digit| labels.iter().filter(|&&label| label == digit).count()).collect::<Vec<_>>()
    };
    for ((train, test), all) in share(&train).into_iter().zip(share(&test)).zip(counts) {
        assert!(train + test == all && test.abs_diff(all / 5) <= 1);
    }
    let same =
        |a: &LabelledImages, b: &LabelledImages| a.images().unwrap().equal(&b.images().unwrap()).unwrap();
    assert!(same(&train, &all.split([0.8, 0.2], 0).unwrap()[0]));
    assert!(
        !same(&train, &all.split([0.8, 0.2], 1).unwrap()[0])
            || train.len() != all.split([0.8, 0.2], 1).unwrap()[0].len()
    );
    assert!(all.split([0.5, 0.6], 0).is_err());
}

const FLOWERS: &str = "\u{feff}length, width ,kind,flag\n5.1,3,\"setosa, or so\",true\n# not a row\n4.9,,virginica,0\nNA,2,setosa,1\n";

#[test]
fn tables() {
    let table = Csv::new().comment(b'#').parse(FLOWERS).unwrap();
    assert_eq!(table.names(), ["length", "width", "kind", "flag"]);
    assert_eq!(table.texts("width").unwrap(), [Some("3"), None, Some("2")]);
    let both = |missing| table.tensor_with(["width", "length"], DType::F64, missing);
    assert_eq!(
        both(Missing::Value(-1.0)).unwrap().to_vec::<f64>().unwrap(),
        [3.0, 5.1, -1.0, 4.9, 2.0, -1.0]
    );
    assert_eq!(both(Missing::Mean).unwrap().to_vec::<f64>().unwrap(), [3.0, 5.1, 2.5, 4.9, 2.0, 5.0]);
    assert_eq!(
        both(Missing::Values(vec![0.0, 9.0])).unwrap().to_vec::<f64>().unwrap(),
        [3.0, 5.1, 0.0, 4.9, 2.0, 9.0]
    );
    assert!(both(Missing::Nan).unwrap().to_vec::<f64>().unwrap()[2].is_nan());
    assert_eq!(table.means([0, 1]).unwrap(), [5.0, 2.5]);
    assert_eq!(
        table.column_with("flag", DType::Bool).unwrap().to_vec::<bool>().unwrap(),
        [true, false, true]
    );
    let whole = table.drop_missing(..2).unwrap();
    assert_eq!(whole.tensor([1]).unwrap().to_vec::<f32>().unwrap(), [3.0]);

    let (numbers, kinds) = table.categories("kind").unwrap();
    assert_eq!(kinds.words(), ["setosa", "setosa, or so", "virginica"]);
    assert_eq!(numbers.to_vec::<i64>().unwrap(), [1, 2, 0]);
    assert_eq!(kinds.decode(&numbers).unwrap(), ["setosa, or so", "virginica", "setosa"]);
    assert!(kinds.decode(&Tensor::new([3i64])).is_err() && kinds.decode(&Tensor::new([1.0])).is_err());
    let other = Csv::new().header(false).parse("virginica\nlily\n?").unwrap();
    assert_eq!(other.encode(0, &kinds, -1).unwrap().to_vec::<i64>().unwrap(), [2, -1, -1]);
    refused(other.encode(0, &kinds, None), "line 2, column '0': 'lily' is not one of the 3 known");
    assert_eq!(Vocabulary::try_from(&State::from(&kinds)).unwrap(), kinds);
}

#[test]
fn table_errors_name_the_line() {
    let table = Csv::new().comment(b'#').parse(FLOWERS).unwrap();
    refused(table.tensor("width"), "line 4, column 'width': the value is missing");
    refused(table.tensor("kind"), "line 2, column 'kind': 'setosa, or so' is not a number of type f32");
    refused(table.tensor_with("length", DType::I64, Missing::Value(0.0)), "line 2, column 'length': '5.1'");
    refused(Csv::new().parse("a,b\n1,2\n3\n"), "line 3: 1 cells, where the lines before have 2");
    // Empty lines, comments, cells of several lines, and both kinds of line ends count.
    let text = "\r\n#x\r\na,b\r\n\r\n\"1\n1\",2\n\n# y\n\nfive,3\n";
    let odd = Csv::new().comment(b'#').parse(text).unwrap();
    refused(odd.tensor("a"), "line 5, column 'a': '1\n1'");
    refused(
        odd.drop_missing(..).unwrap().encode("b", &Vocabulary::of(["2"]), None),
        "line 10, column 'b': '3'",
    );
    refused(Csv::new().comment(b'#').parse(&format!("{text}\n#\n1\n")), "line 13: 1 cells");
    refused(Csv::new().parse(""), "not even a line of names");
    refused(Csv::new().header(false).parse("\n\n"), "there is no line");
    refused(Csv::new().read_from(&b"a,b\n1,\xFF\n"[..]), "line 2: cell 2 is not UTF-8");
    refused(Csv::new().parse("a\n300\n").unwrap().tensor_with("a", DType::U8, Missing::Refuse), "'300'");
    let choose = |column: &str| table.tensor(column).unwrap_err().to_string();
    assert!(choose("heigth").contains("no column 'heigth'; there are: 'length', 'width', 'kind', 'flag'"));
    assert!(table.tensor(4).is_err() && table.tensor(-5).is_err() && table.tensor(2..9).is_err());
    assert!(
        Csv::new()
            .parse("a,a\n1,2")
            .unwrap()
            .tensor("a")
            .unwrap_err()
            .to_string()
            .contains("both called 'a'")
    );
    assert!(table.tensor_with("length", DType::I64, Missing::Nan).is_err());
    assert!(table.tensor_with("length", DType::F32, Missing::Values(vec![])).is_err());
    let folder = Folder::new("csv");
    let path = folder.write("broken.csv", b"a\n1,2\n");
    refused(Csv::new().read(&path), "broken.csv: line 2");
    refused(Csv::new().read(folder.0.join("none.csv")), "none.csv");
}

#[test]
fn a_table_without_names_from_a_compressed_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits.csv.gz");
    let table = Csv::new().header(false).read(path).unwrap();
    assert_eq!((table.len(), table.names().len()), (1797, 65));
    let images = table.tensor(..64).unwrap().div(16.0).unwrap();
    assert!(images.reshape([1797, 1, 8, 8]).unwrap().equal(&digits().unwrap().images().unwrap()).unwrap());
    let labels = table.column_with(-1, DType::I64).unwrap();
    assert!(labels.equal(&digits().unwrap().labels().unwrap()).unwrap());
    let empty = Csv::new().parse("a,b\n").unwrap();
    assert_eq!(empty.tensor(..).unwrap().shape(), &[0, 2]);
}

#[test]
fn images_are_written() {
    let folder = Folder::new("png");
    for channels in 1..=4 {
        save_image(&Tensor::rand([channels, 5, 3]), folder.0.join("x.png")).unwrap();
        assert_eq!(&fs::read(folder.0.join("x.png")).unwrap()[..4], b"\x89PNG");
    }
    for shape in [&[5usize, 2, 2][..], &[2, 2], &[1, 0, 4], &[0, 1, 2, 2]] {
        assert!(save_image(&Tensor::zeros(shape), folder.0.join("y.png")).is_err(), "{shape:?}");
    }
    refused(save_image(&Tensor::zeros([1, 2, 2]), folder.0.join("no/such/folder.png")), "folder.png");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damage_never_panics(cut in 0usize..4000, flips in prop::collection::vec((0usize..4000, 0u8..8), 0..6), packed: bool) {
        let folder = Folder::new("drawn");
        let damaged = |bytes: Vec<u8>| {
            let mut bytes = if packed { gzip(&bytes) } else { bytes };
            bytes.truncate(cut.max(1));
            let len = bytes.len();
            flips.iter().for_each(|&(place, bit)| bytes[place % len] ^= 1 << bit);
            bytes
        };
        let (pixels, labels) = images(4);
        let path = folder.write("train-images-idx3-ubyte", &damaged(pixels));
        folder.write("train-labels-idx1-ubyte", &labels);
        let _ = read_idx(&path);
        let _ = mnist(&folder.0, true);
        folder.write("train-labels-idx1-ubyte", &damaged(labels));
        let _ = mnist(&folder.0, true);
        folder.write("test_batch.bin", &damaged([&[3u8][..], &[7; 3072]].concat()));
        let _ = cifar10(&folder.0, false);
        let path = folder.write("flowers.csv", &damaged(FLOWERS.repeat(3).into_bytes()));
        if let Ok(table) = Csv::new().read(path) {
            let _ = (table.tensor_with(.., DType::F32, Missing::Mean), table.categories(0), table.drop_missing(..));
        }
    }

    #[test]
    fn tables_hold_what_was_written(rows in prop::collection::vec(prop::collection::vec("[ -~\n\"]{0,6}", 3), 0..8)) {
        let mut text = "a,b,c\n".to_owned();
        for row in &rows {
            let cells: Vec<String> = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            text += &(cells.join(",") + "\n");
        }
        let table = Csv::new().missing(["\u{0}"]).parse(&text).unwrap();
        prop_assert_eq!(table.len(), rows.len());
        for (place, name) in ["a", "b", "c"].into_iter().enumerate() {
            let column: Vec<Option<&str>> = rows.iter().map(|row| Some(row[place].as_str())).collect();
            prop_assert_eq!(table.texts(name).unwrap(), column);
        }
    }
}
