//! The operations, one line each.

mod adjust;
mod all_events;
mod control;
mod create;
mod delete;
mod estimate;
mod events;
mod get;
mod list;
mod rows;

use utoipa_actix_web::service_config::ServiceConfig;

pub use self::{all_events::AllLog, events::TaskLog};

pub fn register(service: &mut ServiceConfig<'_>) {
    service
        .service(create::create_task)
        .service(estimate::estimate_task)
        .service(list::list_tasks)
        .service(get::get_task)
        .service(adjust::adjust_task)
        .service(delete::delete_task)
        .service(control::start_task)
        .service(control::pause_task)
        .service(control::resume_task)
        .service(control::stop_task)
        .service(control::retry_task)
        .service(control::restart_task)
        .service(events::list_task_events)
        .service(rows::list_task_rows)
        .service(all_events::list_events);
}
