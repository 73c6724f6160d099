//! Cases of schedules: the rate before the first step, and after each, must be PyTorch's to the last digits.
//!
//! Composed ones are written as calls (`ChainedScheduler(ConstantLR(0.1,3),ExponentialLR(0.95))`), which are read here.

use std::path::Path;

use cresset_autograd::Tensor;
use cresset_optim::{
    AnnealStrategy, ChainedScheduler, ConstantLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, CyclicLR,
    CyclicMode, ExponentialLR, LinearLR, MultiStepLR, OneCycleLR, Optimizer, PlateauMode, PolynomialLR,
    ReduceLROnPlateau, Schedule, SequentialLR, Sgd, StepLR, Threshold,
};
use serde_json::Value as Json;

use super::{
    Report, Store, Trouble, quietly,
    read::{list, text},
};

/// How far a rate may be off, as a part of the base rate: recursions over a hundred epochs in f64.
const TOLERANCE: f64 = 1e-12;

/// Runs all cases of `schedules.json.gz` in a folder.
pub fn run_schedules(folder: &Path) -> Result<Report, Trouble> {
    let store = Store::open(folder, "schedules")?;
    let mut report = Report { name: "schedules".to_owned(), ..Report::default() };
    for (i, json) in list(&store.json)?.iter().enumerate() {
        let name = text(json, "scheduler")?;
        let result = match quietly(|| run(&name, json)) {
            Ok(result) => result,
            Err(panic) => Err(format!("panicked: {panic}")),
        };
        Report::count(&mut report.cases, &mut report.troubles, &format!("{i} {name}"), result);
    }
    Ok(report)
}

fn run(name: &str, json: &Json) -> Result<(), String> {
    let say = |error: cresset_autograd::Error| error.to_string();
    let base = json["base_lr"].as_f64().ok_or("no base_lr")?;
    let expected: Vec<f64> =
        list(&json["lrs"]).map_err(|error| error.to_string())?.iter().filter_map(Json::as_f64).collect();
    let mut optimizer = Sgd::new([Tensor::new([1.0]).requires_grad()], base).momentum(0.9);
    let mut call = Call::read(name)?;
    for (name, value) in json["kwargs"].as_object().ok_or("no kwargs")? {
        call.named.push((name.clone(), value.clone()));
    }
    let mut rates = Vec::new();
    if call.name == "ReduceLROnPlateau" {
        let mut plateau = plateau(&mut call)?;
        rates.push(optimizer.lrs());
        for metric in list(&json["metrics"]).map_err(|error| error.to_string())? {
            plateau.step(metric.as_f64().ok_or("a metric is no number")?, &mut optimizer).map_err(say)?;
            rates.push(optimizer.lrs());
        }
    } else {
        let mut scheduler = schedule(call)?.on(&mut optimizer).map_err(say)?;
        rates.push(optimizer.lrs());
        for _ in 1..expected.len() {
            scheduler.step(&mut optimizer).map_err(say)?;
            rates.push(optimizer.lrs());
        }
    }
    let rates: Vec<f64> = rates.into_iter().flatten().collect();
    if rates.len() != expected.len() {
        return Err(format!("{} rates for {}", rates.len(), expected.len()));
    }
    match rates.iter().zip(&expected).position(|(got, right)| (got - right).abs() > TOLERANCE * base) {
        None => Ok(()),
        Some(i) => Err(format!("rate {i} is {}, not {}", rates[i], expected[i])),
    }
}

/// A schedule as PyTorch would construct it.
struct Call {
    name: String,
    placed: Vec<Json>,
    named: Vec<(String, Json)>,
    parts: Vec<Call>,
}

impl Call {
    /// `Name`, or `Name(arguments)`, where an argument is a number, a list of numbers, `name=` one of these, or a call.
    fn read(written: &str) -> Result<Call, String> {
        let mut call = Call { name: String::new(), placed: Vec::new(), named: Vec::new(), parts: Vec::new() };
        let Some((name, rest)) = written.split_once('(') else {
            call.name = written.trim().to_owned();
            return Ok(call);
        };
        call.name = name.trim().to_owned();
        let inside = rest.strip_suffix(')').ok_or_else(|| format!("no end: {written}"))?;
        for argument in arguments(inside) {
            let value = |text: &str| {
                serde_json::from_str(&text.replace('\'', "\""))
                    .map_err(|error| format!("cannot read '{text}': {error}"))
            };
            match argument.split_once('=') {
                _ if argument.contains('(') => call.parts.push(Call::read(&argument)?),
                Some((name, text)) => call.named.push((name.trim().to_owned(), value(text)?)),
                None => call.placed.push(value(&argument)?),
            }
        }
        Ok(call)
    }

    /// The argument of that place or name, which is then taken.
    fn take(&mut self, name: &str) -> Option<Json> {
        if let Some(i) = self.named.iter().position(|(other, _)| other == name) {
            return Some(self.named.remove(i).1);
        }
        None
    }

    fn number(&mut self, name: &str) -> Result<Option<f64>, String> {
        self.take(name).map(|json| json.as_f64().ok_or_else(|| format!("{name} is no number"))).transpose()
    }

    fn count(&mut self, name: &str) -> Result<Option<u64>, String> {
        self.take(name).map(|json| json.as_u64().ok_or_else(|| format!("{name} is no count"))).transpose()
    }

    fn truth(&mut self, name: &str) -> Option<bool> {
        self.take(name).and_then(|json| json.as_bool())
    }

    fn needed<T>(&mut self, name: &str, value: Option<T>) -> Result<T, String> {
        value.ok_or_else(|| format!("{} needs {name}", self.name))
    }

    /// Gives arguments by place their names.
    fn place(&mut self, names: &[&str]) {
        for (name, value) in names.iter().zip(std::mem::take(&mut self.placed)) {
            self.named.push(((*name).to_owned(), value));
        }
    }

    fn done<T>(self, schedule: T) -> Result<T, String> {
        match self.named.first() {
            None if self.placed.is_empty() => Ok(schedule),
            None => Err(format!("{} takes fewer arguments", self.name)),
            Some((name, _)) => Err(format!("{}: nobody asked for {name}", self.name)),
        }
    }
}

/// Splits at commas that are in no brackets.
fn arguments(text: &str) -> Vec<String> {
    let (mut all, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        match all.last_mut() {
            Some(last) if c != ',' || depth > 0 => last.push(c),
            _ => all.push(String::new()),
        }
    }
    all.into_iter()
        .map(|argument| argument.trim().to_owned())
        .filter(|argument| !argument.is_empty())
        .collect()
}

fn schedule(mut call: Call) -> Result<Box<dyn Schedule>, String> {
    Ok(match call.name.as_str() {
        "ConstantLR" => {
            call.place(&["factor", "total_iters"]);
            let mut schedule = ConstantLR::default();
            schedule.factor = call.number("factor")?.unwrap_or(schedule.factor);
            schedule.total_iters = call.count("total_iters")?.unwrap_or(schedule.total_iters);
            Box::new(call.done(schedule)?)
        }
        "LinearLR" => {
            call.place(&["start_factor", "end_factor", "total_iters"]);
            let mut schedule = LinearLR::default();
            schedule.start_factor = call.number("start_factor")?.unwrap_or(schedule.start_factor);
            schedule.end_factor = call.number("end_factor")?.unwrap_or(schedule.end_factor);
            schedule.total_iters = call.count("total_iters")?.unwrap_or(schedule.total_iters);
            Box::new(call.done(schedule)?)
        }
        "StepLR" => {
            call.place(&["step_size", "gamma"]);
            let size = call.count("step_size")?;
            let mut schedule = StepLR::new(call.needed("step_size", size)?);
            schedule.gamma = call.number("gamma")?.unwrap_or(schedule.gamma);
            Box::new(call.done(schedule)?)
        }
        "MultiStepLR" => {
            call.place(&["milestones", "gamma"]);
            let milestones = call.take("milestones");
            let mut schedule = MultiStepLR::new(counts(&call.needed("milestones", milestones)?)?);
            schedule.gamma = call.number("gamma")?.unwrap_or(schedule.gamma);
            Box::new(call.done(schedule)?)
        }
        "ExponentialLR" => {
            call.place(&["gamma"]);
            let gamma = call.number("gamma")?;
            let schedule = ExponentialLR::new(call.needed("gamma", gamma)?);
            Box::new(call.done(schedule)?)
        }
        "PolynomialLR" => {
            call.place(&["total_iters", "power"]);
            let mut schedule = PolynomialLR::default();
            schedule.total_iters = call.count("total_iters")?.unwrap_or(schedule.total_iters);
            schedule.power = call.number("power")?.unwrap_or(schedule.power);
            Box::new(call.done(schedule)?)
        }
        "CosineAnnealingLR" => {
            call.place(&["T_max", "eta_min"]);
            let t_max = call.count("T_max")?;
            let mut schedule = CosineAnnealingLR::new(call.needed("T_max", t_max)?);
            schedule.eta_min = call.number("eta_min")?.unwrap_or(schedule.eta_min);
            Box::new(call.done(schedule)?)
        }
        "CosineAnnealingWarmRestarts" => {
            call.place(&["T_0", "T_mult", "eta_min"]);
            let t_0 = call.count("T_0")?;
            let mut schedule = CosineAnnealingWarmRestarts::new(call.needed("T_0", t_0)?);
            schedule.t_mult = call.count("T_mult")?.unwrap_or(schedule.t_mult);
            schedule.eta_min = call.number("eta_min")?.unwrap_or(schedule.eta_min);
            Box::new(call.done(schedule)?)
        }
        "CyclicLR" => {
            call.place(&["base_lr", "max_lr", "step_size_up", "step_size_down", "mode", "gamma"]);
            let (low, high) = (call.number("base_lr")?, call.number("max_lr")?);
            let mut schedule = CyclicLR::new(call.needed("base_lr", low)?, call.needed("max_lr", high)?);
            schedule.step_size_up = call.count("step_size_up")?.unwrap_or(schedule.step_size_up);
            schedule.step_size_down = call.count("step_size_down")?;
            schedule.gamma = call.number("gamma")?.unwrap_or(schedule.gamma);
            schedule.mode = match call.take("mode").as_ref().and_then(Json::as_str) {
                None | Some("triangular") => CyclicMode::Triangular,
                Some("triangular2") => CyclicMode::Triangular2,
                Some("exp_range") => CyclicMode::ExpRange,
                Some(other) => return Err(format!("there is no mode {other}")),
            };
            schedule.cycle_momentum = call.truth("cycle_momentum").unwrap_or(true);
            schedule.base_momentum = call.number("base_momentum")?.unwrap_or(schedule.base_momentum);
            schedule.max_momentum = call.number("max_momentum")?.unwrap_or(schedule.max_momentum);
            Box::new(call.done(schedule)?)
        }
        "OneCycleLR" => {
            call.place(&["max_lr", "total_steps"]);
            let max_lr = call.number("max_lr")?;
            let (total, epochs) = (call.count("total_steps")?, call.count("epochs")?);
            let steps = call.count("steps_per_epoch")?;
            let total = total.or(epochs.zip(steps).map(|(epochs, steps)| epochs * steps));
            let mut schedule =
                OneCycleLR::new(call.needed("max_lr", max_lr)?, call.needed("total_steps", total)?);
            schedule.pct_start = call.number("pct_start")?.unwrap_or(schedule.pct_start);
            schedule.anneal_strategy = match call.take("anneal_strategy").as_ref().and_then(Json::as_str) {
                None | Some("cos") => AnnealStrategy::Cos,
                Some("linear") => AnnealStrategy::Linear,
                Some(other) => return Err(format!("there is no anneal_strategy {other}")),
            };
            schedule.cycle_momentum = call.truth("cycle_momentum").unwrap_or(true);
            schedule.base_momentum = call.number("base_momentum")?.unwrap_or(schedule.base_momentum);
            schedule.max_momentum = call.number("max_momentum")?.unwrap_or(schedule.max_momentum);
            schedule.div_factor = call.number("div_factor")?.unwrap_or(schedule.div_factor);
            schedule.final_div_factor = call.number("final_div_factor")?.unwrap_or(schedule.final_div_factor);
            schedule.three_phase = call.truth("three_phase").unwrap_or(false);
            Box::new(call.done(schedule)?)
        }
        "SequentialLR" => {
            let milestones = call.take("milestones");
            let milestones = counts(&call.needed("milestones", milestones)?)?;
            let mut parts = std::mem::take(&mut call.parts).into_iter();
            let first = parts.next();
            let mut schedule = SequentialLR::new(schedule(call.needed("a schedule", first)?)?);
            if parts.len() != milestones.len() {
                return Err(format!("{} milestones before {} schedules", milestones.len(), parts.len()));
            }
            for (part, milestone) in parts.zip(milestones) {
                schedule = schedule.then(milestone, self::schedule(part)?);
            }
            Box::new(call.done(schedule)?)
        }
        "ChainedScheduler" => {
            let mut parts = std::mem::take(&mut call.parts).into_iter();
            let first = parts.next();
            let mut schedule = ChainedScheduler::new(schedule(call.needed("a schedule", first)?)?);
            for part in parts {
                schedule = schedule.and(self::schedule(part)?);
            }
            Box::new(call.done(schedule)?)
        }
        other => return Err(format!("nobody has {other}")),
    })
}

fn counts(json: &Json) -> Result<Vec<u64>, String> {
    let list = json.as_array().ok_or("milestones are no list")?;
    list.iter().map(|json| json.as_u64().ok_or_else(|| format!("{json} is no count"))).collect()
}

fn plateau(call: &mut Call) -> Result<ReduceLROnPlateau, String> {
    let mut plateau = ReduceLROnPlateau::new();
    if call.take("mode").as_ref().and_then(Json::as_str) == Some("max") {
        plateau = plateau.mode(PlateauMode::Max);
    }
    if let Some(factor) = call.number("factor")? {
        plateau = plateau.factor(factor);
    }
    if let Some(patience) = call.count("patience")? {
        plateau = plateau.patience(patience);
    }
    let threshold = call.number("threshold")?.unwrap_or(1e-4);
    plateau = plateau.threshold(match call.take("threshold_mode").as_ref().and_then(Json::as_str) {
        Some("abs") => Threshold::Abs(threshold),
        _ => Threshold::Rel(threshold),
    });
    if let Some(cooldown) = call.count("cooldown")? {
        plateau = plateau.cooldown(cooldown);
    }
    if let Some(min_lr) = call.number("min_lr")? {
        plateau = plateau.min_lr(min_lr);
    }
    if let Some(eps) = call.number("eps")? {
        plateau = plateau.eps(eps);
    }
    match call.named.first() {
        None => Ok(plateau),
        Some((name, _)) => Err(format!("ReduceLROnPlateau: nobody asked for {name}")),
    }
}
