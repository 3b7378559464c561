//! Pages, and what is left of them.

use super::{Document, document};

fn read(page: &str) -> Document {
    document(page, |href| {
        href.strip_prefix("./").map(|page| format!("https://docs.example/{page}"))
    })
}

#[test]
fn headings_lists_links_and_code_are_kept() {
    let page = "<html><head><title> A   page </title></head><body><nav>Menu</nav><div id=other>no</div>\
        <div id='main-col-body'><h1>Buckets &amp; keys</h1><p>Use <code class=code>s3:GetObject</code>\
        and <a href='./b.html#x'>another <b>page</b></a>, not <a href='#top'>this</a>.</p>\
        <h2></h2><ul><li><p>One</p></li><li>Two<ol><li>inner</li><li>second</li></ol></li></ul>\
        <pre class='programlisting'><code>{\n   \"a\": 1\n}\n</code></pre>\
        <dl><dt>Term</dt><dd>Meaning</dd></dl><script>x</script><p></p><b></b>\
        <div class=prev-next><a href='./c'>Next</a></div></div><footer>Terms</footer></body></html>";
    let Document { title, text, refresh } = read(page);
    assert_eq!((title.as_str(), refresh), ("A page", None));
    assert_eq!(
        text,
        "# Buckets & keys\n\nUse `s3:GetObject`and [another **page**](https://docs.example/b.html#x), \
         not this.\n\n- One\n- Two\n  1. inner\n  2. second\n\n```\n{\n   \"a\": 1\n}\n```\n\n\
         **Term**\n\nMeaning"
    );
}

#[test]
fn a_table_is_rows_of_cells_in_one_line_each() {
    let page = "<main><table><thead><tr><th>Name</th><th>Limit</th></tr></thead>\
        <tbody><tr><td><p>a|b</p><p>c</p></td><td><ul><li>1</li><li>2</li></ul></td></tr>\
        <tr><td><table><tr><td>in</td></tr></table></td><td><pre>x\ny</pre></td></tr></tbody></table>\
        <p>After</p></main>";
    assert_eq!(
        read(page).text,
        "| Name | Limit |\n| --- | --- |\n| a\\|b c | 1 2 |\n| in | x y |\n\nAfter"
    );
}

#[test]
fn a_page_cannot_make_it_deep_or_endless() {
    let deep = format!("<main>{}x", "<ul><li><b><table><tr><td>".repeat(20_000));
    assert!(read(&deep).text.len() < 4 << 20);
    let links = format!("<main>{}", "<a href=./q>y</a>".repeat(400_000));
    assert!(read(&links).text.len() <= (4 << 20) + 100);
}

#[test]
fn whatever_is_broken_is_still_read() {
    for (page, text) in [
        ("", ""),
        ("no tags at all", "no tags at all"),
        ("<p>a<p>b</b></a></td></tr></table></pre></ul>", "a\n\nb"),
        ("<main><main>x</main>y</main>z", "x\ny"),
        ("<body><pre>never closed\n  at all", "```\nnever closed\n  at all\n```"),
        ("<body><nav>never closed<p>text", ""),
        ("<body><pre>a ``` b</pre>", "````\na ``` b\n````"),
    ] {
        assert_eq!(read(page).text, text, "{page}");
    }
}

#[test]
fn a_page_that_sends_its_readers_elsewhere_says_so() {
    let page =
        "<head><meta http-equiv='Refresh' content='10;URL=welcome.html'></head><body></body>";
    assert_eq!(read(page).refresh.as_deref(), Some("welcome.html"));
    assert_eq!(read("<meta http-equiv=refresh content=5>").refresh, None);
}
