//! Bounds on what one page may make us do. The size of the body is bounded by whoever reads it.

/// Samples of one page; Prometheus has no limit by default.
const SAMPLES: usize = 20_000;
/// `# HELP`, `# TYPE` and `# UNIT` lines of one page: three for each family of a page whose families have one sample each.
const METADATA_LINES: usize = 3 * SAMPLES;
/// Labels of one sample.
const LABELS: usize = 64;
/// Bytes of a metric, family or label name as written.
const NAME_BYTES: usize = 256;
/// Bytes of a label value as written, escapes included.
const VALUE_BYTES: usize = 4 * 1024;
/// Bytes of a line: a few dozen long labels, or a help text nobody reads to the end.
const LINE_BYTES: usize = 64 * 1024;

/// What one page may hold. A violation is a [`Problem`](super::Problem) that names the limit: of the line where a line breaks
/// it, of the whole page where the page does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Samples of the page (20,000). One more ends the reading.
    pub samples: usize,
    /// Metadata lines of the page (60,000). One more ends the reading.
    pub metadata_lines: usize,
    /// Labels of a sample (64).
    pub labels: usize,
    /// Bytes of a metric, family or label name (256).
    pub name_bytes: usize,
    /// Bytes of a label value as written (4 KiB).
    pub value_bytes: usize,
    /// Bytes of a line (64 KiB).
    pub line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            samples: SAMPLES,
            metadata_lines: METADATA_LINES,
            labels: LABELS,
            name_bytes: NAME_BYTES,
            value_bytes: VALUE_BYTES,
            line_bytes: LINE_BYTES,
        }
    }
}
