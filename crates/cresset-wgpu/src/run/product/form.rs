//! What a product's factors are gathered from: an address in memory for every line and depth, printed as WGSL.
//!
//! A *line* is a row of the left factor or a column of the right one; the *depth* is what is summed over. A factor's
//! address is a part that follows from the line and is computed once, a part that follows from the depth, and, in a
//! convolution, how the two meet: that is where padding shows.

use std::fmt::Write as _;

use cresset_ops::op::Role;

/// What the factors are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// Matrices, over a batch of so many dimensions.
    Matrices {
        /// How many.
        dims: u8,
    },
    /// The two factors of a convolution, groups being the batch.
    Convolution {
        /// Which of the three factors is computed.
        role: Role,
        /// Over so many spatial dimensions; 0 where windows are single elements that lie in a line.
        spatial: u8,
        /// Are there windows further apart than one?
        stepped: bool,
    },
}

/// One of the factors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The left.
    A,
    /// The right.
    B,
}

impl Side {
    /// The name of its buffer.
    pub fn buffer(self) -> &'static str {
        match self {
            Side::A => "a",
            Side::B => "b",
        }
    }

    /// The name of how many lines it has.
    pub fn lines(self) -> &'static str {
        match self {
            Side::A => "m",
            Side::B => "n",
        }
    }
}

/// How many of a list of names.
fn numbered(names: &mut Vec<String>, prefix: &str, count: u8) {
    names.extend((0..count).map(|i| format!("{prefix}{i}")));
}

impl Form {
    /// The parameters it takes, in their order.
    pub fn names(self) -> Vec<String> {
        let mut names = vec!["a_offset".to_owned(), "b_offset".to_owned()];
        match self {
            Form::Matrices { dims } => {
                names.extend(["a_line", "a_depth", "b_line", "b_depth"].map(str::to_owned));
                numbered(&mut names, "batch", dims);
                numbered(&mut names, "a_batch", dims);
                numbered(&mut names, "b_batch", dims);
            }
            Form::Convolution { spatial, .. } => {
                names.extend(["channels", "outputs", "places", "positions", "plane"].map(str::to_owned));
                names.extend(["x_image", "x_channel", "y_image", "y_channel"].map(str::to_owned));
                numbered(&mut names, "x_step", spatial.max(1));
                numbered(&mut names, "y_step", spatial.max(1));
                for list in ["kernel", "size", "length", "stride", "padding", "dilation"] {
                    numbered(&mut names, list, spatial);
                }
            }
        }
        names
    }

    /// Where the factors of batch `item` start.
    pub fn starts(self, body: &mut String) {
        match self {
            Form::Matrices { dims } => {
                let (mut a, mut b) = ("a_offset".to_owned(), "b_offset".to_owned());
                *body += "    var item_rest = item;\n";
                for dim in (0..dims).rev() {
                    if dim > 0 {
                        let _ = writeln!(
                            body,
                            "    let item{dim} = item_rest % batch{dim};\n    item_rest = item_rest / batch{dim};"
                        );
                    } else {
                        *body += "    let item0 = item_rest;\n";
                    }
                    let _ = write!(a, " + item{dim} * a_batch{dim}");
                    let _ = write!(b, " + item{dim} * b_batch{dim}");
                }
                let _ = writeln!(body, "    let a_start = {a};\n    let b_start = {b};");
            }
            Form::Convolution { role, .. } => {
                let weights = "item * outputs * channels * places";
                let (x, y) = ("item * channels * x_channel", "item * outputs * y_channel");
                let (a, b) = match role {
                    Role::Output => (weights, x),
                    Role::Input => (weights, y),
                    Role::Weight => (y, x),
                };
                let _ =
                    writeln!(body, "    let a_start = a_offset + {a};\n    let b_start = b_offset + {b};");
            }
        }
    }

    /// What follows from a line: names that begin with `name`.
    pub fn line(self, side: Side, name: &str, line: &str, body: &mut String) {
        let role = match (self, side) {
            (Form::Matrices { .. }, Side::A) => {
                let _ = writeln!(body, "    let {name} = a_start + ({line}) * a_line;");
                return;
            }
            (Form::Matrices { .. }, Side::B) => {
                let _ = writeln!(body, "    let {name} = b_start + ({line}) * b_line;");
                return;
            }
            (Form::Convolution { role, .. }, _) => role,
        };
        match (role, side) {
            (Role::Output, Side::A) => {
                let _ = writeln!(body, "    let {name} = a_start + ({line}) * channels * places;");
            }
            (Role::Input, Side::A) => {
                let _ = writeln!(body, "    let {name} = a_start + ({line}) * places;");
            }
            (Role::Weight, Side::A) => {
                let _ = writeln!(body, "    let {name} = a_start + ({line}) * y_channel;");
            }
            (Role::Output, Side::B) => {
                self.image(name, line, "x", "positions", body);
                self.each(|d| format!("let {name}_{d} = {name}_c{d} * stride{d} - padding{d};"), body);
            }
            (Role::Input, Side::B) => {
                self.image(name, line, "y", "plane", body);
                self.each(|d| format!("let {name}_{d} = {name}_c{d} + padding{d};"), body);
            }
            (Role::Weight, Side::B) => {
                self.channel(name, line, "b_start + ", "x_channel", body);
                self.each(|d| format!("let {name}_{d} = {name}_c{d} * dilation{d} - padding{d};"), body);
            }
        }
    }

    /// What follows from a depth.
    pub fn depth(self, side: Side, name: &str, depth: &str, body: &mut String) {
        let role = match (self, side) {
            (Form::Matrices { .. }, Side::A) => {
                let _ = writeln!(body, "    let {name} = ({depth}) * a_depth;");
                return;
            }
            (Form::Matrices { .. }, Side::B) => {
                let _ = writeln!(body, "    let {name} = ({depth}) * b_depth;");
                return;
            }
            (Form::Convolution { role, .. }, _) => role,
        };
        match (role, side) {
            (Role::Output, Side::A) => {
                let _ = writeln!(body, "    let {name} = {depth};");
            }
            (Role::Input, Side::A) => {
                let _ = writeln!(
                    body,
                    "    let {name}_o = ({depth}) / places;\n    let {name} = {name}_o * channels * places + ({depth}) - {name}_o * places;"
                );
            }
            (Role::Weight, Side::A) => {
                self.position(name, depth, body);
                let mut place = format!("{name}_image * y_image");
                if self.spatial() == 0 {
                    let _ = write!(place, " + {name}_p * y_step0");
                }
                for d in 0..self.spatial() {
                    let _ = write!(place, " + {name}_c{d} * y_step{d}");
                }
                let _ = writeln!(body, "    let {name} = {place};");
            }
            (Role::Output, Side::B) => {
                self.channel(name, depth, "", "x_channel", body);
                self.each(|d| format!("let {name}_{d} = {name}_c{d} * dilation{d};"), body);
            }
            (Role::Input, Side::B) => {
                self.channel(name, depth, "", "y_channel", body);
                self.each(|d| format!("let {name}_{d} = {name}_c{d} * dilation{d};"), body);
            }
            (Role::Weight, Side::B) => {
                self.position(name, depth, body);
                let line = if self.spatial() == 0 { format!(" + {name}_p * x_step0") } else { String::new() };
                let _ = writeln!(body, "    let {name} = {name}_image * x_image{line};");
                self.each(|d| format!("let {name}_{d} = {name}_c{d} * stride{d};"), body);
            }
        }
    }

    /// The address at which a line and a depth meet, as `name`; and the name of whether they do, unless they always do.
    /// Where they do not, the address is one that can be read all the same.
    pub fn place(self, side: Side, line: &str, depth: &str, name: &str, body: &mut String) -> Option<String> {
        let met = match self {
            Form::Convolution { role, spatial: 1.., .. } if side == Side::B => role,
            Form::Convolution { .. } | Form::Matrices { .. } => {
                let _ = writeln!(body, "    let {name} = {line} + {depth};");
                return None;
            }
        };
        let (mut inside, mut place) = (Vec::new(), format!("{line} + {depth}"));
        for d in 0..self.spatial() {
            match met {
                // Left of the input is far right of it: numbers wrap.
                Role::Output | Role::Weight => {
                    let _ = writeln!(body, "    let {name}_{d} = {line}_{d} + {depth}_{d};");
                    inside.push(format!("{name}_{d} < size{d}"));
                    let _ = write!(place, " + {name}_{d} * x_step{d}");
                }
                Role::Input if self.stepped() => {
                    let _ = writeln!(body, "    let {name}_t{d} = {line}_{d} - {depth}_{d};");
                    let _ = writeln!(body, "    let {name}_{d} = {name}_t{d} / stride{d};");
                    inside.push(format!("{name}_t{d} < 0x80000000u"));
                    inside.push(format!("{name}_{d} < length{d}"));
                    inside.push(format!("{name}_{d} * stride{d} == {name}_t{d}"));
                    let _ = write!(place, " + {name}_{d} * y_step{d}");
                }
                Role::Input => {
                    let _ = writeln!(body, "    let {name}_{d} = {line}_{d} - {depth}_{d};");
                    inside.push(format!("{name}_{d} < length{d}"));
                    let _ = write!(place, " + {name}_{d} * y_step{d}");
                }
            }
        }
        let _ = writeln!(body, "    let {name}_in = {};", inside.join(" && "));
        let _ = writeln!(body, "    let {name} = select(b_offset, {place}, {name}_in);");
        Some(format!("{name}_in"))
    }

    fn spatial(self) -> u8 {
        match self {
            Form::Matrices { .. } => 0,
            Form::Convolution { spatial, .. } => spatial,
        }
    }

    fn stepped(self) -> bool {
        match self {
            Form::Matrices { .. } => false,
            Form::Convolution { stepped, .. } => stepped,
        }
    }

    /// A line for each spatial dimension.
    fn each(self, line: impl Fn(u8) -> String, body: &mut String) {
        for d in 0..self.spatial() {
            let _ = writeln!(body, "    {}", line(d));
        }
    }

    /// `value` as coordinates over the sizes of such names.
    fn coordinates(self, name: &str, value: &str, sizes: &str, body: &mut String) {
        let spatial = self.spatial();
        let mut rest = value.to_owned();
        for d in (1..spatial).rev() {
            let _ = writeln!(body, "    let {name}_r{d} = {rest} / {sizes}{d};");
            let _ = writeln!(body, "    let {name}_c{d} = {rest} - {name}_r{d} * {sizes}{d};");
            rest = format!("{name}_r{d}");
        }
        if spatial > 0 {
            let _ = writeln!(body, "    let {name}_c0 = {rest};");
        }
    }

    /// A line that is an image and a place in it: where the image lies, and the coordinates of the place.
    fn image(self, name: &str, line: &str, of: &str, count: &str, body: &mut String) {
        let _ = writeln!(body, "    let {name}_image = ({line}) / {count};");
        let _ = writeln!(body, "    let {name}_p = ({line}) - {name}_image * {count};");
        let step = if self.spatial() == 0 { format!(" + {name}_p * {of}_step0") } else { String::new() };
        let _ = writeln!(body, "    let {name} = b_start + {name}_image * {of}_image{step};");
        let sizes = if count == "plane" { "size" } else { "length" };
        self.coordinates(name, &format!("{name}_p"), sizes, body);
    }

    /// A value that is an image and a position: both, and the coordinates of the position.
    fn position(self, name: &str, value: &str, body: &mut String) {
        let _ = writeln!(body, "    let {name}_image = ({value}) / positions;");
        let _ = writeln!(body, "    let {name}_p = ({value}) - {name}_image * positions;");
        self.coordinates(name, &format!("{name}_p"), "length", body);
    }

    /// A value that is a channel and a place in the kernel.
    fn channel(self, name: &str, value: &str, start: &str, step: &str, body: &mut String) {
        if self.spatial() == 0 {
            let _ = writeln!(body, "    let {name} = {start}({value}) * {step};");
            return;
        }
        let _ = writeln!(body, "    let {name}_channel = ({value}) / places;");
        let _ = writeln!(body, "    let {name}_q = ({value}) - {name}_channel * places;");
        let _ = writeln!(body, "    let {name} = {start}{name}_channel * {step};");
        self.coordinates(name, &format!("{name}_q"), "kernel", body);
    }
}
