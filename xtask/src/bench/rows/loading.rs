//! How fast a loader makes batches, alone and with workers: a pass over images, each of which is mirrored or not, and
//! normalised.

use cresset::prelude::*;

use super::{Outcome, Row, Run};
use crate::bench::numbers::{digest, integers, normal};

const IMAGES: usize = 4096;

struct Images {
    images: Tensor,
    labels: Vec<i64>,
}

impl Dataset for Images {
    type Item = (Tensor, i64);

    fn len(&self) -> usize {
        IMAGES
    }

    fn item(&self, index: usize) -> Result<(Tensor, i64)> {
        let image = self.images.select(0, index as i64)?;
        let image = if index % 2 == 1 { image.flip([-1])? } else { image };
        Ok((image.sub(0.5)?.div(0.25)?, self.labels[index]))
    }
}

pub fn rows() -> Vec<Row> {
    let row = |workers: usize| Row {
        name: format!("data/{IMAGES}-images-workers{workers}"),
        flops: 0.0,
        bytes: 0.0,
        make: Box::new(move || epoch(workers)),
    };
    [0, 1, 2].map(row).into()
}

fn epoch(workers: usize) -> Outcome<Run> {
    let images = normal("x", &[IMAGES, 3, 32, 32])?;
    let labels = integers("y", 10, &[IMAGES])?.to_vec::<i64>()?;
    let loader: DataLoader<(Tensor, Tensor)> =
        DataLoader::new(Images { images, labels }).batch_size(64).workers(workers);
    let pass = move || -> Result<Option<(Tensor, Tensor)>> {
        let mut last = None;
        for batch in loader.epoch(0) {
            last = Some(batch?);
        }
        Ok(last)
    };
    let (images, labels) = pass()?.ok_or("no batches")?;
    let mut answer = digest(&images)?;
    answer.extend(digest(&labels)?);
    let call = move || -> Outcome<()> {
        pass()?;
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}
