use actix_web::App;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components, ContentBuilder, ObjectBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder, Schema,
        Type,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_actix_web::AppExt;

use crate::{Routes, health, problem::ProblemBody};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Dallosh Analysis",
        description = "Turns piles of customer posts into decisions: upload a dataset, have it labelled, look at what customers complain about.",
        version = "1"
    ),
    components(schemas(ProblemBody)),
    modifiers(&Bearer),
    security(("bearer" = []))
)]
struct Base;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        document
            .components
            .get_or_insert_with(Components::new)
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The `OpenAPI` document of a service's routes, with the problem answer added to every operation.
pub fn document(routes: &Routes) -> Document {
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(Base::openapi())
        .configure(|config| {
            config.service(health::healthz).service(health::readyz).service(health::metrics);
            routes(config);
        })
        .split_for_parts();
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
            &mut item.head,
            &mut item.options,
        ];
        for operation in operations.into_iter().flatten() {
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(limit) = parameter
                    && limit.name == "limit"
                {
                    limit.schema = Some(any_whole_number());
                }
            }
            operation.responses.responses.entry("default".to_owned()).or_insert_with(|| RefOr::T(problem()));
        }
    }
    document
}

/// A limit as every list takes it: what is too little or too much is coerced, however large it is.
fn any_whole_number() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).into()
}

fn problem() -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new()
        .description("A problem; see docs/errors.md")
        .content("application/problem+json", content)
        .build()
}

/// The documents of several services as one.
pub fn merge(documents: impl IntoIterator<Item = Document>) -> Document {
    documents.into_iter().fold(Base::openapi(), |mut all, one| {
        all.merge(one);
        all
    })
}

/// The document as YAML, as `proto/openapi.yaml` keeps it.
///
/// # Errors
/// When it can't be written as YAML.
pub fn to_yaml(document: &Document) -> Result<String, String> {
    document.to_yaml().map_err(|error| error.to_string())
}
