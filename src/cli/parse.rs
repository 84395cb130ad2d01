//! `parse`: an exposition page as one JSON line per sample.

use std::io::{BufWriter, Read, Write};
use std::path::Path;

use super::args::ParseOptions;
use super::output::Output;
use crate::error::{Exit, Failure};
use crate::prometheus::{Event, Families, Format, ParseError, Parser, Strict, json_line};

/// The largest page.
const MAX_PAGE_BYTES: u64 = 256 * 1024 * 1024;

/// Prints what can be read and names each bad line on stderr; 65 if there was one.
pub(super) fn parse(options: &ParseOptions, output: &Output) -> Result<Exit, Failure> {
    let page = read(&options.file)?;
    let format = Format::of(options.content_type.as_deref()).map_err(|html| {
        Failure::new(Exit::Malformed, html.to_string()).hint("a login page or a proxy's error page?")
    })?;
    let bad = if options.strict {
        print(Strict::new(&page, format), format, output)
    } else {
        print(Parser::new(&page, format), format, output)
    };
    match bad? {
        0 => Ok(Exit::Done),
        _ => Ok(Exit::Malformed),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Malformed, format!("cannot read {}", path.display())).because(error);
    let mut page = Vec::new();
    let reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(failed)?)
    };
    reader.take(MAX_PAGE_BYTES + 1).read_to_end(&mut page).map_err(failed)?;
    if page.len() as u64 > MAX_PAGE_BYTES {
        return Err(Failure::new(Exit::Malformed, format!("{} is larger than {MAX_PAGE_BYTES} bytes", path.display())));
    }
    Ok(page)
}

/// Prints the samples; returns how many lines were bad.
fn print<'p>(
    events: impl Iterator<Item = Result<Event<'p>, ParseError>>,
    format: Format,
    output: &Output,
) -> Result<usize, Failure> {
    let mut families = Families::new(format);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut bad = 0;
    for event in events {
        match event {
            Ok(Event::Metadata(metadata)) => families.describe(metadata),
            Ok(Event::Sample(sample)) => {
                let (family, _) = families.place(&sample);
                let line = json_line(&sample, families.get(family))
                    .map_err(|error| Failure::new(Exit::Failed, "a sample cannot be written as JSON").because(error))?;
                if writeln!(out, "{line}").is_err() {
                    // The reader has gone away: nobody wants the rest.
                    return Ok(bad);
                }
            }
            Err(error) => {
                bad += 1;
                output.note(error);
            }
        }
    }
    let _ = out.flush();
    Ok(bad)
}
