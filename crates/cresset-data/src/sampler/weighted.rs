//! At random, some items likelier than others.

use cresset_tensor::{Error, Generator, Result, order::sort_by};

use super::{Sampler, Samples};
use crate::draw;

/// Items at random, each as likely as its weight says: PyTorch's `WeightedRandomSampler`.
///
/// ```
/// use cresset_data::{Sampler, WeightedRandomSampler};
/// use cresset_tensor::Generator;
/// let rare_and_common = WeightedRandomSampler::new([0.9, 0.1, 0.0], 100, true)?;
/// let drawn: Vec<usize> = rare_and_common.sample(0, &mut Generator::new(1))?.collect();
/// assert!(drawn.len() == 100 && !drawn.contains(&2));
/// # Ok::<(), cresset_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WeightedRandomSampler {
    weights: Vec<f64>,
    num_samples: usize,
    replacement: bool,
}

impl WeightedRandomSampler {
    /// `num_samples` in an epoch. The weights need not add up to 1. Without replacement no item comes twice.
    #[track_caller]
    pub fn new(
        weights: impl IntoIterator<Item = f64>,
        num_samples: usize,
        replacement: bool,
    ) -> Result<WeightedRandomSampler> {
        let weights: Vec<f64> = weights.into_iter().collect();
        let refuse = |why: String| Err(Error::argument("WeightedRandomSampler", why));
        if let Some((i, weight)) =
            weights.iter().enumerate().find(|(_, w)| !(0.0..f64::INFINITY).contains(*w))
        {
            return refuse(format!("weight {i} is {weight}; weights are finite and not negative"));
        }
        let possible = weights.iter().filter(|&&weight| weight > 0.0).count();
        if possible == 0 && num_samples > 0 {
            return refuse(format!("none of {} weights is positive", weights.len()));
        }
        if !weights.iter().sum::<f64>().is_finite() {
            return refuse("the sum of the weights is not finite".to_owned());
        }
        if !replacement && num_samples > possible {
            return refuse(format!(
                "{num_samples} samples without replacement of {possible} items whose weight is not zero"
            ));
        }
        Ok(WeightedRandomSampler { weights, num_samples, replacement })
    }
}

impl Sampler for WeightedRandomSampler {
    #[inline]
    fn len(&self) -> usize {
        self.num_samples
    }

    #[inline]
    fn sample(&self, _: usize, random: &mut Generator) -> Result<Samples<usize>> {
        if self.num_samples == 0 {
            return Ok(Box::new(std::iter::empty()));
        }
        let mut random = random.fork();
        if !self.replacement {
            // A race: item i arrives after a time that is exponential with rate wᵢ. Those who arrive first are drawn
            // as if one after the other, each time among those left.
            let mut arrivals: Vec<(f64, usize)> = Vec::new();
            for (i, &weight) in self.weights.iter().enumerate() {
                let time = -(1.0 - draw::uniform(&mut random, 0.0, 1.0)).ln() / weight;
                if weight > 0.0 {
                    arrivals.push((time, i));
                }
            }
            sort_by(&mut arrivals, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            return Ok(Box::new(arrivals.into_iter().map(|(_, i)| i).take(self.num_samples)));
        }
        let mut sum = 0.0;
        let sums: Vec<f64> = self
            .weights
            .iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        // The last that can be drawn, should rounding carry a place beyond it.
        let last = self.weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
        Ok(Box::new((0..self.num_samples).map(move |_| {
            let place = draw::uniform(&mut random, 0.0, sum);
            sums.partition_point(|&end| end <= place).min(last)
        })))
    }

    #[inline]
    fn repeats(&self) -> bool {
        self.replacement
    }
}
