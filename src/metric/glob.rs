//! Globs of configurations and recipes: `*` any characters, `?` one.

/// Whether the whole text fits. Only the last `*` is ever taken back, so the time is at most the product of both lengths.
pub fn fits(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (before, rest) = (glob.clone(), text.clone());
        match (glob.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = rest.clone();
                retry = Some((glob.clone(), rest));
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((after_star, from)) = &mut retry else { return false };
                if from.next().is_none() {
                    return before.as_str().is_empty() && rest.as_str().is_empty();
                }
                (glob, text) = (after_star.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;
    use proptest::prelude::*;

    #[test]
    fn stars_take_any_number_and_question_marks_one() {
        for (glob, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "/", true),
            ("/", "/", true),
            ("/", "/home", false),
            ("/home/*", "/home/a/b", true),
            ("/home/*", "/home", false),
            ("/mnt/?", "/mnt/ä", true),
            ("/mnt/?", "/mnt/", false),
            ("*b*c", "abbbc", true),
            ("*b*c", "abbbcd", false),
            ("a*", "b", false),
            ("*a", "aab", false),
        ] {
            assert_eq!(fits(glob, text), expected, "{glob} {text}");
        }
    }

    /// The plain definition, exponential and obviously right.
    fn plainly(glob: &[char], text: &[char]) -> bool {
        match (glob, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|taken| plainly(rest, &text[taken..])),
            ([wanted, glob @ ..], [found, text @ ..]) => (*wanted == '?' || wanted == found) && plainly(glob, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_definition(glob in "[ab?*]{0,6}", text in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            prop_assert_eq!(fits(&glob, &text), plainly(&chars(&glob), &chars(&text)));
        }
    }

    #[test]
    fn a_hostile_glob_ends_soon() {
        assert!(!fits(&format!("{}b", "*a".repeat(100)), &"a".repeat(2_000)));
    }
}
