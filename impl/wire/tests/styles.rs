//! The table of styles of the OpenAPI Specification ("Style Examples"), and what people send beyond it.

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use validation::{Place, Value};
use wire::{Fault, Parameter, Texts, cookies, header, pairs, path_value, query};

const RGB: &[&str] = &["R", "G", "B"];

/// A value as one line: texts as they are, arrays in brackets, objects in braces.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join("|")),
        Value::Object(members) => {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
            format!("{{{}}}", members.join("|"))
        }
        other => format!("{other:?}"),
    }
}

/// What a parameter is in a text of its place; `-` when it is absent, the code when it is wrong.
fn read(parameter: &Parameter, text: &str) -> String {
    let texts = Texts::default();
    let mut headers = HeaderMap::new();
    let found = match parameter.place() {
        Place::Path => path_value(parameter, text, &texts).map(Some),
        Place::Header => {
            for line in text.split('\n') {
                headers.append(parameter.name(), HeaderValue::from_bytes(line.as_bytes()).expect("a value"));
            }
            header(parameter, &headers, &texts)
        }
        Place::Cookie => {
            headers.append("cookie", HeaderValue::from_bytes(text.as_bytes()).expect("a value"));
            cookies(&headers).and_then(|mut pairs| query(parameter, &mut pairs, &texts))
        }
        _ => pairs(text).and_then(|mut pairs| query(parameter, &mut pairs, &texts)),
    };
    match found {
        Ok(found) => found.as_ref().map_or("-".to_owned(), shown),
        Err(Fault { code, .. }) => code.to_owned(),
    }
}

#[test]
fn styles_of_a_path() {
    let path = Parameter::path("color");
    let (array, object) = ("[blue|black|brown]", "{R=100|G=200|B=150}");
    for (parameter, text, expected) in [
        (path, "blue", "blue"),
        (path, "a%2Cb,c", "a,b,c"),
        (path, "a+b%20c", "a+b c"),
        (path.exploded(true), "blue", "blue"),
        (path.array(), "blue,black,brown", array),
        (path.array(), "abc%2Cdef", "[abc,def]"),
        (path.array().exploded(true), "blue,black,brown", array),
        (path.object(RGB), "R,100,G,200,B,150", object),
        (path.object(RGB), "R,100,G", "invalid_format"),
        (path.object(RGB), "R,1,R,2", "duplicate"),
        (path.object(RGB).exploded(true), "R=100,G=200,B=150", object),
        (path.object(RGB).exploded(true), "R", "invalid_format"),
        (path.label(), ".blue", "blue"),
        (path.label(), ".", ""),
        (path.label(), "blue", "invalid_format"),
        (path.label().array(), ".blue,black,brown", array),
        (path.label().array(), ".blue.black.brown", array),
        (path.label().array().exploded(true), ".blue.black.brown", array),
        (path.label().array().exploded(true), ".1,5.2", "[1,5|2]"),
        (path.label().object(RGB), ".R,100,G,200,B,150", object),
        (path.label().object(RGB), ".R.100.G.200.B.150", object),
        (path.label().object(RGB).exploded(true), ".R=100.G=200.B=150", object),
        (path.label().object(RGB).exploded(true), ".R=1.5.G=2", "{R=1.5|G=2}"),
        (path.matrix(), ";color=blue", "blue"),
        (path.matrix(), ";color", ""),
        (path.matrix(), ";colour=blue", "invalid_format"),
        (path.matrix(), ";color=a;color=b", "duplicate"),
        (path.matrix(), "blue", "invalid_format"),
        (path.matrix().array(), ";color=blue,black,brown", array),
        (path.matrix().array(), ";color=a;color=b", "duplicate"),
        (path.matrix().array().exploded(true), ";color=blue;color=black;color=brown", array),
        (path.matrix().array().exploded(true), ";color=a%3Bb;color=c,d", "[a;b|c,d]"),
        (path.matrix().array().exploded(true).allow_empty(), ";color", "[]"),
        (path.matrix().object(RGB), ";color=R,100,G,200,B,150", object),
        (path.matrix().object(RGB).exploded(true), ";R=100;G=200;B=150", object),
        (path.json(), "%7B%7D", "{}"),
        (path.json(), "%7B", "invalid_format"),
    ] {
        assert_eq!(read(&parameter, text), expected, "{text} as {parameter:?}");
    }
}

#[test]
fn styles_of_a_query() {
    let form = Parameter::query("color");
    let (array, object) = ("[blue|black|brown]", "{R=100|G=200|B=150}");
    for (parameter, text, expected) in [
        (form, "color=", ""),
        (form, "color", ""),
        (form, "colour=a", "-"),
        (form, "color=blue", "blue"),
        (form, "color=a&color=b", "duplicate"),
        (form, "c%6Flor=a+b%2B", "a b+"),
        (form.array().exploded(false), "color=", "[]"),
        (form.array().exploded(false), "color=blue,black,brown", array),
        (form.array().exploded(false), "color=abc%2Cdef", "[abc,def]"),
        (form.array().exploded(false), "color=a,,b", "[a||b]"),
        (form.array().exploded(false), "color=a&color=b", "duplicate"),
        (form.array().exploded(false).allow_empty(), "color=", "[]"),
        (form.array(), "color=blue&color=black&color=brown", array),
        (form.array(), "color=a,b", "[a,b]"),
        (form.array(), "color=", "[]"),
        (form.array().allow_empty(), "color=", "[]"),
        (form.array(), "x=1", "-"),
        (form.any(), "color=1", "1"),
        (form.any(), "color=1&color=2", "[1|2]"),
        (form.object(RGB).exploded(false), "color=R,100,G,200,B,150", object),
        (form.object(RGB).exploded(false), "color=R,a%2Cb", "{R=a,b}"),
        (form.object(RGB), "R=100&G=200&B=150", object),
        (form.object(RGB), "x=1&R=100&G=200&B=150", object),
        (form.object(RGB), "x=1", "-"),
        (form.object(RGB), "R=1&R=2", "{R=[1|2]}"),
        (form.object(RGB).open(), "x=1&R=100&_=5", "{x=1|R=100}"),
        (form.object(RGB).or_single(), "R=100&x=1", "{R=100}"),
        (form.object(RGB).or_single(), "color=1&R=2", "1"),
        (form.object(RGB).or_single(), "color=1&color=2", "[1|2]"),
        (form.object(RGB).or_single(), "x=1", "-"),
        (form.object(RGB).or_single().exploded(false), "color=a,b", "a,b"),
        (form.space_delimited().array().exploded(false), "color=blue%20black%20brown", array),
        (form.space_delimited().array().exploded(false), "color=blue+black+brown", array),
        (form.space_delimited().array(), "color=blue&color=black&color=brown", array),
        (form.space_delimited().object(RGB).exploded(false), "color=R%20100%20G%20200%20B%20150", object),
        (form.pipe_delimited().array().exploded(false), "color=blue%7Cblack%7cbrown", array),
        (form.pipe_delimited().array().exploded(false), "color=blue|black|brown", array),
        (form.pipe_delimited().object(RGB).exploded(false), "color=R|100|G|200|B|150", object),
        (form.deep_object().object(RGB), "color[R]=100&color[G]=200&color[B]=150", object),
        (form.deep_object().object(RGB), "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150", object),
        (form.deep_object().object(RGB), "color=1", "-"),
        (form.deep_object().object(RGB), "color[R=1&colorR]=2&color[]]=3", "-"),
        (form.deep_object().object(&[]).open(), "color[a][b]=1&color[a][c]=2", "{a={b=1|c=2}}"),
        (form.deep_object().object(&[]).open(), "color[a][]=1&color[a][]=2", "{a=[1|2]}"),
        (form.deep_object().object(&[]).open(), "color[a][0]=1&color[a][1]=2", "{a=[1|2]}"),
        (form.deep_object().object(&[]).open(), "color[a]=1&color[a]=2", "{a=[1|2]}"),
        (form.deep_object().object(&[]).open(), "color[0]=1", "{0=1}"),
        (form.deep_object().object(&[]).open(), "color[a]=1&color[a][b]=2", "invalid_format"),
        (form.deep_object().array(), "color[0]=1&color[1]=2", "[1|2]"),
        (form.deep_object().array(), "color[]=1&color[]=2", "[1|2]"),
        (form.deep_object().object(RGB), "color[a][b][c][d][e][f][g][h][i]=1", "invalid_format"),
        (form.json(), "color=%7B%22a%22%3A1%7D", "{a=Number(Integer(1))}"),
        (form.json(), "color=[\"x\"]", "[String(\"x\")]"),
    ] {
        // One item that is empty is shown as none is.
        assert_eq!(read(&parameter, text), expected, "{text} as {parameter:?}");
    }
}

#[test]
fn empty_arrays_are_told_from_empty_items() {
    let texts = Texts::default();
    let array = Parameter::query("a").array();
    for (parameter, expected) in [
        (array, Value::Array(vec![Value::Text("".into())])),
        (array.exploded(false), Value::Array(vec![Value::Text("".into())])),
        (array.allow_empty(), Value::Array(vec![])),
        (array.exploded(false).allow_empty(), Value::Array(vec![])),
    ] {
        let mut pairs = pairs("a=").expect("pairs");
        assert_eq!(query(&parameter, &mut pairs, &texts), Ok(Some(expected)), "{parameter:?}");
    }
}

#[test]
fn styles_of_headers_and_cookies() {
    let (header, cookie) = (Parameter::header("X-Color"), Parameter::cookie("color"));
    let (array, object) = ("[blue|black|brown]", "{R=100|G=200|B=150}");
    for (parameter, text, expected) in [
        (header, "a, b%20c", "a, b%20c"),
        (header, "a\nb", "duplicate"),
        (header.array(), "blue,black,brown", array),
        (header.array(), "blue, black ,\tbrown", array),
        (header.array(), "blue\nblack, brown", array),
        (header.object(RGB), "R,100,G,200,B,150", object),
        (header.object(RGB).exploded(true), "R=100, G=200,B=150", object),
        (header.json(), "{\"a\": true}", "{a=Bool(true)}"),
        (cookie, "x=1; color=blue; y", "blue"),
        (cookie, "x=1", "-"),
        (cookie, "color=a%2Cb%20+", "a,b +"),
        (cookie, "color=100%", "100%"),
        (cookie, "color=%ff", "%ff"),
        (cookie, "color=a; color=b", "duplicate"),
        (cookie.array().exploded(false), "color=blue,black,brown", array),
        (cookie.array().exploded(false), "color=a%2Cb,c", "[a,b|c]"),
        (cookie.array(), "color=blue&color=black&color=brown", array),
        (cookie.array(), "color=blue; color=black; color=brown", array),
        (cookie.object(RGB).exploded(false), "color=R,100,G,200,B,150", object),
        (cookie.object(RGB), "R=100&G=200&B=150", object),
        (cookie.object(RGB), "R=100; G=200; B=150", object),
    ] {
        assert_eq!(read(&parameter, text), expected, "{text} as {parameter:?}");
    }
}

/// A parameter of any shape and style.
fn parameter() -> impl Strategy<Value = Parameter> {
    let place = prop_oneof![
        Just(Parameter::path("a")),
        Just(Parameter::query("a")),
        Just(Parameter::header("a")),
        Just(Parameter::cookie("a"))
    ];
    (place, 0..6, 0..7, any::<bool>(), any::<bool>()).prop_map(|(parameter, style, shape, explode, empty)| {
        let styled = match style {
            0 => parameter.label(),
            1 => parameter.matrix(),
            2 => parameter.space_delimited(),
            3 => parameter.pipe_delimited(),
            4 => parameter.deep_object(),
            _ => parameter,
        };
        let shaped = match shape {
            0 => styled.array(),
            1 => styled.object(RGB),
            2 => styled.object(RGB).open(),
            3 => styled.any(),
            4 => styled.json(),
            _ => styled,
        };
        let shaped = shaped.exploded(explode);
        if empty { shaped.allow_empty() } else { shaped }
    })
}

proptest! {
    /// No text of a path, query, header or cookie ends the process.
    #[test]
    fn any_text_is_read_or_refused(parameter in parameter(), text in "([a-cR=&;,.|%+ \\[\\]{}\"0-9]|%[0-9a-f]{2}|[^\\x00-\\x1f\\x7f]){0,40}") {
        read(&parameter, &text);
    }

    /// What RFC 6570 expands is read as what was expanded, whatever it contains.
    #[test]
    fn encoded_items_survive(items in prop::collection::vec("[^\\x00]{0,6}", 1..5)) {
        let encoded: Vec<String> = items.iter().map(|item| item.bytes().map(|byte| format!("%{byte:02X}")).collect()).collect();
        let texts = Texts::default();
        let expected = Ok(Value::Array(items.iter().map(|item| Value::Text(item.as_str().into())).collect()));
        let listed = encoded.join(",");
        prop_assert_eq!(path_value(&Parameter::path("a").array(), &listed, &texts), expected.clone());
        let one = format!("a={listed}");
        let mut one = pairs(&one).expect("pairs");
        prop_assert_eq!(query(&Parameter::query("a").array().exploded(false), &mut one, &texts), expected.clone().map(Some));
        let many: String = encoded.iter().map(|item| format!("a={item}&")).collect();
        let mut many = pairs(&many).expect("pairs");
        prop_assert_eq!(query(&Parameter::query("a").array(), &mut many, &texts), expected.map(Some));
    }
}
