//! The client program on the `rdkafka` crate: see `../../README.md`.

mod consume;
mod member;
mod produce;
mod step;

use std::error::Error;
use std::io::{Write, stdin, stdout};

use serde_json::{Value, json};

use crate::step::{Request, Step};

/// What a step returns.
type Answer = Result<Value, Box<dyn Error>>;

/// Prints a line.
fn emit(line: &Value) {
    writeln!(stdout().lock(), "{line}").expect("someone reads the answers");
}

fn run(bootstrap: &str, step: &Step) -> Answer {
    match step.name.as_str() {
        "produce" => produce::produce(bootstrap, step),
        "load" => produce::load(bootstrap, step),
        "read" => consume::read(bootstrap, step),
        "offsets_for_time" => consume::offsets_for_time(bootstrap, step),
        "committed" => consume::committed(bootstrap, step),
        "commit" => consume::commit(bootstrap, step),
        "member" => member::member(bootstrap, step),
        "steer" => member::steer(bootstrap, step),
        other => Ok(json!({ "unsupported": other })),
    }
}

fn main() {
    // A JSON document ends by itself: whoever waits for answers may leave the input open.
    let mut requests = serde_json::Deserializer::from_reader(stdin().lock()).into_iter::<Request>();
    let Request { bootstrap, steps } =
        requests.next().expect("a request").expect("the request is as README.md says");
    for step in &steps {
        emit(&run(&bootstrap, step).unwrap_or_else(|error| json!({ "error": error.to_string() })));
    }
}
