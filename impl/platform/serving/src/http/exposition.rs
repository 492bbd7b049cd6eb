//! Prometheus' older text format (0.0.4), converted from OpenMetrics: names and types of families differ.

/// The same metrics in the older format.
///
/// There a counter's family has the name of its samples, which end in `_total`; there are neither info nor units, and
/// nothing marks the end.
pub(crate) fn classic(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    // In OpenMetrics the help precedes the type, which decides the name.
    let mut help = None;
    for line in open.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("HELP"), Some(_), words) => help = Some(words.unwrap_or_default()),
            (Some("TYPE"), Some(name), Some(kind)) => {
                let (end, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "stateset" => ("", "gauge"),
                    "gaugehistogram" => ("", "histogram"),
                    "unknown" => ("", "untyped"),
                    other => ("", other),
                };
                if let Some(help) = help.take() {
                    text.push_str(&format!("# HELP {name}{end} {help}\n"));
                }
                text.push_str(&format!("# TYPE {name}{end} {kind}\n"));
            }
            // UNIT, EOF
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::metrics::info::Info;
    use prometheus_client::registry::{Registry, Unit};

    use super::classic;

    #[test]
    fn families_are_called_as_their_samples() {
        let mut registry = Registry::default();
        let asked: Counter = Counter::default();
        asked.inc_by(3);
        registry.register("asked", "Questions, \"quoted\"", asked);
        let open: Gauge = Gauge::default();
        registry.register("open", "Doors", open);
        let took = Histogram::new([0.5]);
        took.observe(0.25);
        registry.register_with_unit("took", "Time", Unit::Seconds, took);
        registry.register("build", "What it is", Info::new(vec![("version", "1 # 2")]));
        let mut text = String::new();
        encode(&mut text, &registry).expect("encodes");
        let expected = "# HELP asked_total Questions, \"quoted\".\n# TYPE asked_total counter\nasked_total 3\n\
                        # HELP open Doors.\n# TYPE open gauge\nopen 0\n\
                        # HELP took_seconds Time.\n# TYPE took_seconds histogram\ntook_seconds_sum 0.25\n\
                        took_seconds_count 1\ntook_seconds_bucket{le=\"0.5\"} 1\ntook_seconds_bucket{le=\"+Inf\"} 1\n\
                        # HELP build_info What it is.\n# TYPE build_info gauge\nbuild_info{version=\"1 # 2\"} 1\n";
        assert_eq!(classic(&text), expected, "from {text}");
    }
}
