//! /etc/synthetic.conf: what macOS puts at its root, which nobody else can write to.

/// The names of the links and mount points that it makes.
pub fn parse(text: &str) -> Vec<String> {
    let lines = text.lines().take(1000).map(|line| line.split('#').next().unwrap_or_default());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.map(|name| super::text::cut(&crate::prose::line(name), 100)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn samples() {
        // NixOS/nix#6839.
        assert_eq!(parse("nix\nrun\tprivate/var/run\n"), ["nix", "run"]);
        assert_eq!(parse("# nix\n\n"), [""; 0]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*") {
            parse(&text);
        }
    }
}
