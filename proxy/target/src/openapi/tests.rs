//! Documents become tools, and calls become requests.
#![expect(clippy::needless_pass_by_value, reason = "values are written where they are used")]

mod answers;
mod requests;

use serde_json::{Value, json};

use super::operation::Operation;
use super::{Api, Candidate};

/// A document of one operation, `GET /things/{id}`.
fn document(parameters: Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": { "/things/{id}": { "get": {
            "operationId": "getThing", "summary": "One thing", "parameters": parameters,
        } } },
    })
}

fn id() -> Value {
    json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } })
}

fn all(_: &Candidate<'_>) -> bool {
    true
}

/// The only operation of a document.
fn only(document: &Value) -> Operation {
    let api = Api::read(document, all).unwrap();
    assert_eq!(api.left_out, []);
    let [operation] = <[Operation; 1]>::try_from(api.operations).unwrap();
    operation
}

/// Why the only operation cannot be a tool.
fn refused(document: &Value) -> String {
    let error = Api::read(document, all).unwrap_err().to_string();
    let why = error.split_once(": ").map(|(_, why)| why.to_owned());
    why.unwrap_or(error)
}

/// An operation with a body of that schema.
fn posting(schema: Value, components: Value) -> Value {
    json!({
        "openapi": "3.0.3",
        "paths": { "/things": { "post": {
            "operationId": "make",
            "requestBody": {
                "required": true, "content": { "application/json": { "schema": schema } },
            },
        } } },
        "components": { "schemas": components },
    })
}

fn input(document: &Value) -> Value {
    only(document).definition["inputSchema"].clone()
}

#[test]
fn an_operation_is_a_tool_with_its_parameters_as_arguments() {
    let limit = json!({
        "name": "limit", "in": "query", "description": "How many",
        "schema": { "type": "integer", "maximum": 100 },
    });
    let document = document(json!([id(), limit]));
    let tool = only(&document).definition;
    let wanted = json!({
        "name": "getThing",
        "description": "One thing",
        "inputSchema": {
            "type": "object",
            "properties": {
                "id": { "type": "string" },
                "limit": { "type": "integer", "maximum": 100, "description": "How many" },
            },
            "required": ["id"],
            "additionalProperties": false,
        },
        "annotations": {
            "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true,
            "openWorldHint": true,
        },
    });
    assert_eq!(tool, wanted);
}

#[test]
fn a_parameter_of_the_operation_stands_before_that_of_the_path() {
    let mut document = document(json!([
        id(), { "name": "a", "in": "query", "schema": { "type": "integer" } }
    ]));
    document["paths"]["/things/{id}"]["parameters"] = json!([
        { "name": "a", "in": "query", "schema": { "type": "string" } },
        { "$ref": "#/components/parameters/b" },
    ]);
    document["components"] = json!({ "parameters": {
        "b": { "name": "b", "in": "query", "schema": { "type": "boolean" } } } });
    let properties = &input(&document)["properties"];
    assert_eq!(properties["a"], json!({ "type": "integer" }));
    assert_eq!(properties["b"], json!({ "type": "boolean" }));
}

#[test]
fn references_are_in_their_places_and_circles_are_said_once() {
    let components = json!({
        "Thing": { "type": "object", "properties": {
            "name": { "$ref": "#/components/schemas/Name" },
            "parts": { "type": "array", "items": { "$ref": "#/components/schemas/Part" } },
        } },
        "Name": { "type": "string", "maxLength": 20 },
        "Part": { "type": "object", "properties": {
            "parts": { "type": "array", "items": { "$ref": "#/components/schemas/Part" } },
        } },
    });
    let input = input(&posting(json!({ "$ref": "#/components/schemas/Thing" }), components));
    assert_eq!(input["properties"]["name"], json!({ "type": "string", "maxLength": 20 }));
    let part = json!({ "type": "object", "properties": {
        "parts": { "type": "array", "items": { "$ref": "#/$defs/Part" } } } });
    assert_eq!(input["properties"]["parts"], json!({ "type": "array", "items": part }));
    assert_eq!(input["$defs"], json!({ "Part": part }));
}

#[test]
fn references_lead_nowhere_else() {
    for reference in
        ["https://evil.example/x.json#/a", "other.yaml#/A", "file:///etc/passwd", "#/nowhere"]
    {
        let why = refused(&posting(json!({ "$ref": reference }), json!({})));
        assert!(why.contains(reference), "{why}");
    }
    let circle = json!({ "A": { "$ref": "#/components/schemas/A" } });
    let made = input(&posting(json!({ "$ref": "#/components/schemas/A" }), circle));
    assert_eq!(made["$defs"], json!({ "A": { "$ref": "#/$defs/A" } }));
}

#[test]
fn schemas_that_explode_are_refused() {
    let mut components = serde_json::Map::new();
    for n in 0..20 {
        let next = json!({ "$ref": format!("#/components/schemas/S{}", n + 1) });
        components.insert(format!("S{n}"), json!({ "allOf": [next, next] }));
    }
    components.insert("S20".to_owned(), json!({ "type": "string" }));
    let document = posting(json!({ "$ref": "#/components/schemas/S0" }), components.into());
    assert_eq!(refused(&document), "its schemas are too large");
}

#[test]
fn the_words_of_3_0_become_those_of_json_schema() {
    let schema = json!({ "type": "object", "properties": {
        "n": { "type": "integer", "minimum": 0, "exclusiveMinimum": true, "nullable": true },
        "e": { "type": "string", "enum": ["a"], "nullable": true, "example": "a" },
        "any": { "allOf": [{ "type": "string" }], "nullable": true },
        "id": { "type": "string", "readOnly": true },
    }, "required": ["n", "id"], "xml": { "name": "x" } });
    let input = input(&posting(schema, json!({})));
    assert_eq!(
        input["properties"],
        json!({
            "n": { "type": ["integer", "null"], "exclusiveMinimum": 0 },
            "e": { "type": ["string", "null"], "enum": ["a", null] },
            "any": { "anyOf": [{ "allOf": [{ "type": "string" }] }, { "type": "null" }] },
        })
    );
    assert_eq!(input["required"], json!(["n"]), "what only answers have is not asked for");
}

#[test]
fn a_body_that_is_no_plain_object_is_one_argument() {
    for schema in [
        json!({ "type": "array", "items": { "type": "string" } }),
        json!({ "oneOf": [{ "type": "object" }, { "type": "string" }] }),
        json!({ "type": "object", "additionalProperties": { "type": "string" } }),
    ] {
        let input = input(&posting(schema.clone(), json!({})));
        assert_eq!(input["properties"], json!({ "body": schema }));
        assert_eq!(input["required"], json!(["body"]));
    }
}

#[test]
fn what_is_called_the_same_is_told_apart() {
    let mut document = posting(
        json!({ "type": "object", "properties": { "id": { "type": "integer" } } }),
        json!({}),
    );
    let item = document["paths"]["/things"].take();
    document["paths"] = json!({ "/things/{id}": item });
    document["paths"]["/things/{id}"]["post"]["parameters"] =
        json!([id(), { "name": "id", "in": "query", "schema": {} }]);
    let input = input(&document);
    let names: Vec<&String> = input["properties"].as_object().unwrap().keys().collect();
    let mut names = names;
    names.sort();
    assert_eq!(names, ["id", "id__path", "id__query"]);
}

#[test]
fn what_is_not_understood_is_left_out_with_its_reason() {
    for (parameters, why) in [
        (json!([]), "`{id}` is no parameter"),
        (json!([id(), { "name": "x", "in": "query", "content": {} }]), "`content`"),
        (json!([id(), { "name": "x", "in": "query", "style": "matrix", "schema": {} }]), "matrix"),
        (json!([id(), { "name": "x y", "in": "header", "schema": {} }]), "no name of a header"),
        (json!([id(), { "name": "x", "in": "path", "schema": {} }]), "is not in its path"),
        (json!([id(), { "name": "x", "in": "nowhere", "schema": {} }]), "nowhere"),
    ] {
        let said = refused(&document(parameters));
        assert!(said.contains(why), "{said}");
    }
    let mut upload = posting(json!({}), json!({}));
    upload["paths"]["/things"]["post"]["requestBody"]["content"] =
        json!({ "multipart/form-data": {} });
    assert!(refused(&upload).contains("multipart/form-data, which is not written"));
}

#[test]
fn headers_that_are_not_the_documents_are_no_arguments() {
    let header = |name: &str| json!({ "name": name, "in": "header", "schema": {} });
    let names = ["Authorization", "Host", "Cookie", "X-Forwarded-For", "Mcp-Session-Id"];
    let parameters: Vec<Value> = names.iter().map(|name| header(name)).collect();
    let document = document([vec![id(), header("X-Tenant")], parameters].concat().into());
    let properties = input(&document)["properties"].clone();
    let mut names: Vec<&String> = properties.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["X-Tenant", "id"]);
}

#[test]
fn names_are_those_of_tools() {
    let named = |id: Value| {
        let mut document = document(json!([id_of()]));
        document["paths"]["/things/{id}"]["get"]["operationId"] = id;
        only(&document).name
    };
    fn id_of() -> Value {
        id()
    }
    assert_eq!(named(json!("things.get-one")), "things.get-one");
    assert_eq!(named(json!("get  a/thing___now")), "get_a_thing__now");
    assert_eq!(named(json!(null)), "get_things_id");
    assert_eq!(named(json!("x".repeat(100))).len(), 64);
}

#[test]
fn only_what_is_chosen_is_a_tool() {
    let operation = |tag: &str| json!({ "tags": [tag], "responses": {} });
    let document = json!({ "openapi": "3.0.0", "paths": {
        "/a": { "get": operation("read"), "post": operation("write"), "trace": operation("read") },
        "/b": { "delete": operation("write") },
    } });
    let names = |chosen: &dyn Fn(&Candidate<'_>) -> bool| -> Vec<String> {
        let api = Api::read(&document, chosen).unwrap();
        let name = |tool: &Value| tool["name"].as_str().unwrap().to_owned();
        api.definitions().map(name).collect()
    };
    assert_eq!(names(&all), ["get_a", "post_a", "delete_b"]);
    assert_eq!(names(&|one| one.tags.contains(&"read")), ["get_a"]);
    assert_eq!(names(&|one| one.method == "DELETE" && one.path == "/b"), ["delete_b"]);
    assert_eq!(Api::read(&document, |_| false).unwrap_err().to_string(), "no operation is chosen");
}

#[test]
fn what_is_no_document_is_said_to_be_none() {
    for (document, why) in [
        (json!({ "swagger": "2.0" }), "Swagger 2"),
        (json!({ "openapi": "4.0.0" }), "4.0.0"),
        (json!([]), "no `openapi`"),
        (json!({ "openapi": "3.1.0" }), "no operation is chosen"),
        (
            json!({ "openapi": "3.1.0", "paths": {
                "/a": { "get": { "operationId": "x" } }, "/b": { "get": { "operationId": "x" } } } }),
            "two operations would be the tool `x`",
        ),
    ] {
        let said = Api::read(&document, all).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}
