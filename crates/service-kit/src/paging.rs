use dallosh_contracts::Links;

use crate::Problem;

/// The `self` and `next` of a list at `path`: with the same query, values escaped, absent ones left out.
pub fn page_links(path: &str, query: &[(&str, Option<String>)], cursor: Option<&str>, next: Option<&str>) -> Links {
    let at = |cursor: &str| {
        let mut query = query.to_vec();
        query.push(("cursor", Some(cursor.to_owned())));
        address(path, &query)
    };
    let mut links = Links::from([("self".to_owned(), cursor.map_or_else(|| address(path, query), at))]);
    if let Some(next) = next {
        links.insert("next".to_owned(), at(next));
    }
    links
}

/// The order that a client asks for, of those that a list has; the first one unless asked.
///
/// # Errors
/// `validation` that names those that there are.
pub fn sort_of<T: Copy>(asked: Option<&str>, sorts: &[(&str, T)]) -> Result<T, Problem> {
    let found = sorts.iter().find(|(name, _)| asked.is_none_or(|asked| asked == *name));
    found.map(|(_, sort)| *sort).ok_or_else(|| {
        let names: Vec<_> = sorts.iter().map(|(name, _)| format!("`{name}`")).collect();
        Problem::field("/sort", format!("one of {}", names.join(", ")))
    })
}

fn address(path: &str, query: &[(&str, Option<String>)]) -> String {
    let given = query.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let escaped = reqwest::Url::parse_with_params("http://service/", given).ok();
    match escaped.as_ref().and_then(|url| url.query()).filter(|query| !query.is_empty()) {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_query_and_escape_its_values() {
        let query = [("q", Some("a&b c".to_owned())), ("sort", None)];
        let links = page_links("/v1/things", &query, None, Some("0f"));
        assert_eq!(links["self"], "/v1/things?q=a%26b+c");
        assert_eq!(links["next"], "/v1/things?q=a%26b+c&cursor=0f");
        let last = page_links("/v1/things", &[], Some("0f"), None);
        assert_eq!((last["self"].as_str(), last.len()), ("/v1/things?cursor=0f", 1));
    }
}
