//! Surveys and cleans a file and prints what it cost: `clean INPUT OUTPUT [TEXT_COLUMN]`.

use std::{
    error::Error,
    fs::{File, read_to_string},
    io::{self, Read},
    time::Instant,
};

use dallosh_dataset::{CleanOptions, Limits, SAMPLE_BYTES, clean, detect, survey};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: clean INPUT OUTPUT [TEXT_COLUMN]".into());
    };
    let options =
        CleanOptions { text_column: arguments.next().unwrap_or_else(|| "full_text".to_owned()), drop_outliers: false };
    let begin = Instant::now();
    let mut head = Vec::new();
    File::open(&input)?.take(SAMPLE_BYTES as u64).read_to_end(&mut head)?;
    let dialect = detect(&head, head.len() < SAMPLE_BYTES)?;
    let limits = Limits { rows: u64::MAX - 1, ..Limits::default() };
    let survey = survey(File::open(&input)?, &dialect, &limits, io::sink())?;
    let surveyed = begin.elapsed();
    let counts = clean(File::open(&input)?, &dialect, &limits, &survey, &options, File::create(&output)?, io::sink())?;
    println!(
        "rows={} kept={} unique={} outliers={} survey={:.2}s wall={:.2}s cpu={:.2}s rss={}MiB",
        counts.rows_read,
        counts.rows_kept,
        counts.unique_texts,
        counts.outliers_flagged,
        surveyed.as_secs_f64(),
        begin.elapsed().as_secs_f64(),
        cpu_seconds()?,
        peak_mebibytes()?,
    );
    Ok(())
}

/// User and system time of this process, from ticks of a hundredth of a second.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no command in /proc/self/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(f64::from(ticks.sum::<Result<u32, _>>()?) / 100.0)
}

fn peak_mebibytes() -> Result<u64, Box<dyn Error>> {
    let status = read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(peak.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
