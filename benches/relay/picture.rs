//! The JSON as a picture: one panel per work, one bar per server. Knows nothing of how it was measured.

use std::fmt::Write;

use serde_json::Value;

use crate::load::Outcome;
use crate::report::human;

const PANEL_WIDTH: usize = 430;
const BAR_HEIGHT: usize = 17;
const TITLE_HEIGHT: usize = 40;
const LABEL_WIDTH: usize = 78;
const BAR_WIDTH: f64 = 250.0;
const COLUMNS: usize = 2;
const HEAD_HEIGHT: usize = 58;

pub fn draw(json: &str) -> Outcome<String> {
    let report: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let works = report["works"].as_array().ok_or("no works in the JSON")?;
    let panels: Vec<Panel> = works.iter().filter_map(Panel::new).collect();
    let height = |panel: &Panel| TITLE_HEIGHT + panel.bars.len() * BAR_HEIGHT + 14;
    let row_height = panels.iter().map(height).max().unwrap_or(0);
    let rows = panels.len().div_ceil(COLUMNS);
    let total = (
        COLUMNS * PANEL_WIDTH + 20,
        HEAD_HEIGHT + rows * row_height + 10,
    );
    let mut svg = head(total, &report);
    for (index, panel) in panels.iter().enumerate() {
        let x = 10 + index % COLUMNS * PANEL_WIDTH;
        let y = HEAD_HEIGHT + index / COLUMNS * row_height;
        panel.draw(x, y, &mut svg);
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn head((width, height): (usize, usize), report: &Value) -> String {
    let text = |name: &str| escape(report[name].as_str().unwrap_or("?"));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let _ = writeln!(
        svg,
        "<text x=\"10\" y=\"22\" font-size=\"16\" font-weight=\"600\">privmsgd beside other servers, and the floor</text>\n\
         <text x=\"10\" y=\"42\" fill=\"#666\">{}; medians of {} interleaved rounds; the floor is a relay in C that parses nothing</text>",
        text("machine"),
        report["rounds"]
    );
    svg
}

struct Panel {
    title: String,
    unit: &'static str,
    bars: Vec<Bar>,
}

struct Bar {
    server: String,
    shown: String,
    /// Of the longest.
    part: f64,
    color: &'static str,
}

impl Panel {
    /// `None`: nothing to compare.
    fn new(work: &Value) -> Option<Panel> {
        let shows = work["shows"].as_str()?;
        let servers = work["servers"].as_object()?;
        let mut values: Vec<(&String, f64)> = servers
            .iter()
            .filter_map(|(name, server)| Some((name, server["median"][shows].as_f64()?)))
            .collect();
        if values.len() < 2 {
            return None;
        }
        let higher = work["higherIsBetter"].as_bool()?;
        values.sort_by(|a, b| match higher {
            true => b.1.total_cmp(&a.1),
            false => a.1.total_cmp(&b.1),
        });
        let longest = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let bar = |(name, value): (&String, f64)| Bar {
            server: name.clone(),
            shown: human(value, shows),
            part: value / longest,
            color: color(name),
        };
        let without = servers
            .iter()
            .filter(|(_, server)| server["median"][shows].is_null())
            // A row that is not its own is no lack.
            .filter(|(_, server)| server["impossible"].as_str() != Some("–"))
            .map(|(name, server)| Bar {
                server: name.clone(),
                shown: server["impossible"].as_str().unwrap_or("no figure").into(),
                part: 0.0,
                color: color(name),
            });
        let bars = values.into_iter().map(bar).chain(without).collect();
        Some(Panel {
            title: work["label"].as_str()?.to_string(),
            unit: unit(shows),
            bars,
        })
    }

    fn draw(&self, x: usize, y: usize, svg: &mut String) {
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{}\" font-weight=\"600\">{}</text>\n<text x=\"{x}\" y=\"{}\" fill=\"#666\" font-size=\"11\">{}</text>",
            y + 14,
            escape(&self.title),
            y + 29,
            self.unit
        );
        for (index, bar) in self.bars.iter().enumerate() {
            let top = y + TITLE_HEIGHT - 4 + index * BAR_HEIGHT;
            let width = bar.part * BAR_WIDTH;
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{}\" y=\"{top}\" width=\"{width:.1}\" height=\"{}\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{}\" font-size=\"11\">{}</text>",
                x + LABEL_WIDTH - 6,
                top + 11,
                bar.server,
                x + LABEL_WIDTH,
                BAR_HEIGHT - 4,
                bar.color,
                (x + LABEL_WIDTH) as f64 + width + 5.0,
                top + 11,
                bar.shown
            );
        }
    }
}

fn color(server: &str) -> &'static str {
    match server {
        "privmsgd" => "#c8501e",
        "floor" => "#bbb",
        _ => "#5b7ea6",
    }
}

fn unit(shows: &str) -> &'static str {
    match shows {
        crate::rows::PER_CPU => "messages per CPU-second of the server; longer is better",
        "p50_ns" => "half of the messages arrive within; shorter is better",
        "memory_bytes_per_connection" => "private memory; shorter is better",
        "server_cpu_ns_per_connection" => "CPU time of the server; shorter is better",
        _ => "the pair's p99 beside the flooder, by its p99 alone; shorter is better",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
