//! Lists of tasks: merged from the index ranges that can hold matching rows.

use platform::identity::Principal;
use platform::page::{self, Key, Kind, Order, Page, fingerprint};
use platform::{Result, read, sql_shapes};
use sqlx::postgres::PgExecutor;
use sqlx::{Postgres, QueryBuilder};
use tasks_api::apis::tasks::ListTasksParams;
use tasks_api::models::{Task, TaskSort, TaskStatusInput};

use crate::projection::{LISTED_TASK, TASK};
use crate::task_queries::status;

/// Whose tasks are listed: everyone's, or those visible to a user.
type Viewer = Option<i64>;

fn viewer(caller: &Principal) -> Viewer {
    (!caller.is_superuser()).then(|| caller.user_id())
}

/// A page of the tasks the caller may see, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    caller: &Principal,
    params: &ListTasksParams,
) -> Result<(Vec<Task>, Option<String>)> {
    let sort = params.sort.unwrap_or(TaskSort::Id);
    let mut sql = page_sql(viewer(caller), params)?;
    let rows = sql.build().persistent(params.q.is_none()).fetch_all(db).await?;
    let mut tasks = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page(params).cut(&mut tasks, |task| (key(sort, task), task.id));
    Ok((tasks, next))
}

fn page_sql(viewer: Viewer, params: &ListTasksParams) -> Result<QueryBuilder<Postgres>> {
    let page = page(params);
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(TASK).push(" FROM ");
    page.select(&mut sql, "t", "t.id", &parts(viewer, params), |sql, part| {
        sql.push("SELECT ").push(LISTED_TASK);
        within(sql, *part, params);
    })?;
    sql.push(" LEFT JOIN users u ON u.id = t.assignee_id");
    page.sort(&mut sql, "t.id");
    Ok(sql)
}

/// The total number of tasks in the list.
pub(crate) async fn count(db: impl PgExecutor<'_>, caller: &Principal, params: &ListTasksParams) -> Result<i64> {
    let mut sql = count_sql(viewer(caller), params);
    Ok(sql.build_query_scalar().persistent(params.q.is_none()).fetch_one(db).await?)
}

fn count_sql(viewer: Viewer, params: &ListTasksParams) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &parts(viewer, params), |sql, part| {
        sql.push("SELECT");
        within(sql, *part, params);
    });
    sql
}

/// The cursor of a project's list of tasks after one of them.
pub(crate) fn cursor_after(project: i64, task: i64) -> String {
    page(&ListTasksParams { project_id: Some(project), ..everything() }).cursor_after(Key::Id, task)
}

fn everything() -> ListTasksParams {
    ListTasksParams {
        skip: 0,
        limit: 1,
        cursor: None,
        count: false,
        q: None,
        sort: None,
        status: None,
        project_id: None,
        assignee_id: None,
        due_after: None,
        due_before: None,
    }
}

fn page(params: &ListTasksParams) -> Page<'_> {
    let ListTasksParams { project_id, assignee_id, due_after, due_before, skip, limit, .. } = *params;
    let filters = (statuses(params), project_id, assignee_id, due_after, due_before, params.q.as_deref());
    Page {
        list: fingerprint(("tasks", filters)),
        order: order(params.sort.unwrap_or(TaskSort::Id)),
        cursor: params.cursor.as_deref(),
        skip,
        limit,
    }
}

/// Disjoint parts of the tasks visible to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All tasks, for superusers.
    All,
    /// What the user owns.
    Owned(i64),
    /// Tasks in others' projects that are assigned to the user.
    Assigned(i64),
    /// Tasks assigned to the user, in any project.
    Mine(i64),
}

/// The parts that can hold matching rows.
fn parts(viewer: Viewer, params: &ListTasksParams) -> Vec<Part> {
    match (viewer, params.assignee_id) {
        (None, _) => vec![Part::All],
        (Some(me), None) => vec![Part::Owned(me), Part::Assigned(me)],
        (Some(me), Some(assignee)) if assignee == me => vec![Part::Mine(me)],
        (Some(me), Some(_)) => vec![Part::Owned(me)],
    }
}

/// Appends the condition of a part.
fn within(sql: &mut QueryBuilder<Postgres>, part: Part, params: &ListTasksParams) {
    match (part, params.project_id) {
        (Part::All, project) => in_project(sql.push(" FROM tasks t WHERE TRUE"), project),
        (Part::Owned(me), None) => sql.push(" FROM tasks t WHERE t.owner_id = ").push_bind(me),
        // For another's project nothing is read: its owner is checked once, not for each task.
        (Part::Owned(me), Some(project)) => {
            sql.push(" FROM tasks t WHERE EXISTS (SELECT FROM projects o WHERE o.id = ").push_bind(project);
            in_project(sql.push(" AND o.owner_id = ").push_bind(me).push(")"), params.project_id)
        }
        (Part::Assigned(me), None) => {
            sql.push(" FROM tasks t WHERE t.assignee_id = ").push_bind(me).push(" AND t.owner_id <> ").push_bind(me)
        }
        (Part::Mine(me), None) => sql.push(" FROM tasks t WHERE t.assignee_id = ").push_bind(me),
        // Tasks assigned to the user within one project are looked up as that, in any order: OFFSET keeps the planner from
        // scanning a whole project instead, which it believes to be small.
        (Part::Assigned(me) | Part::Mine(me), project) => {
            in_project(sql.push(" FROM (SELECT * FROM tasks t WHERE t.assignee_id = ").push_bind(me), project);
            if part == Part::Assigned(me) {
                sql.push(" AND t.owner_id <> ").push_bind(me);
                sql.push(" AND NOT EXISTS (SELECT FROM projects o WHERE o.id = ").push_bind(project);
                sql.push(" AND o.owner_id = ").push_bind(me).push(")");
            }
            sql.push(" OFFSET 0) t WHERE TRUE")
        }
    };
    filter(sql, params);
}

fn in_project(sql: &mut QueryBuilder<Postgres>, project: Option<i64>) -> &mut QueryBuilder<Postgres> {
    match project {
        Some(project) => sql.push(" AND t.project_id = ").push_bind(project),
        None => sql,
    }
}

fn filter(sql: &mut QueryBuilder<Postgres>, params: &ListTasksParams) {
    if let Some(statuses) = statuses(params) {
        sql.push(" AND t.status = ANY(").push_bind(statuses).push(")");
    }
    if let Some(assignee) = params.assignee_id {
        sql.push(" AND t.assignee_id = ").push_bind(assignee);
    }
    if let Some(after) = params.due_after {
        sql.push(" AND t.due_date >= ").push_bind(after);
    }
    if let Some(before) = params.due_before {
        sql.push(" AND t.due_date < ").push_bind(before);
    }
    if let Some(text) = &params.q {
        page::search(sql, "t.search_text", text);
    }
}

/// The requested statuses, without duplicates, in one order and spelling.
fn statuses(params: &ListTasksParams) -> Option<Vec<&'static str>> {
    let inputs = params.status.as_ref()?;
    let mut statuses: Vec<_> = inputs.iter().map(|input| status(*input).as_str()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    Some(statuses)
}

fn order(sort: TaskSort) -> Order {
    let (key, kind, descending) = match sort {
        TaskSort::Id => ("t.id", Kind::Id, false),
        TaskSort::IdDesc => ("t.id", Kind::Id, true),
        TaskSort::CreatedAt => ("t.created_at", Kind::Time, false),
        TaskSort::CreatedAtDesc => ("t.created_at", Kind::Time, true),
        TaskSort::UpdatedAt => ("coalesce(t.updated_at, t.created_at)", Kind::Time, false),
        TaskSort::UpdatedAtDesc => ("coalesce(t.updated_at, t.created_at)", Kind::Time, true),
        TaskSort::DueDate => ("t.due_date", Kind::OptionalTime, false),
        TaskSort::DueDateDesc => ("t.due_date", Kind::OptionalTime, true),
        TaskSort::Title => ("t.title_key", Kind::Text, false),
        TaskSort::TitleDesc => ("t.title_key", Kind::Text, true),
    };
    Order { name: sort.as_str(), key, kind, descending }
}

fn key(sort: TaskSort, task: &Task) -> Key {
    match sort {
        TaskSort::Id | TaskSort::IdDesc => Key::Id,
        TaskSort::CreatedAt | TaskSort::CreatedAtDesc => Key::Time(Some(task.created_at)),
        TaskSort::UpdatedAt | TaskSort::UpdatedAtDesc => Key::Time(Some(task.updated_at)),
        TaskSort::DueDate | TaskSort::DueDateDesc => Key::Time(task.due_date),
        TaskSort::Title | TaskSort::TitleDesc => Key::Text(task.title.clone()),
    }
}

sql_shapes!(|| {
    const ME: i64 = 1;
    let filtered = |q: &str| ListTasksParams {
        skip: 1,
        q: Some(q.to_owned()),
        status: Some(vec![TaskStatusInput::Done]),
        due_after: Some(contract::EARLIEST),
        due_before: Some(contract::EARLIEST),
        ..everything()
    };
    let mut shapes = Vec::new();
    for base in [everything(), filtered("text"), filtered("Straße")] {
        for (viewer, assignee_id) in
            [(None, None), (None, Some(ME)), (Some(ME), None), (Some(ME), Some(ME)), (Some(ME), Some(2))]
        {
            for project_id in [None, Some(1)] {
                let params = ListTasksParams { assignee_id, project_id, ..base.clone() };
                shapes.push(count_sql(viewer, &params).into_string());
                for (_, sort) in TaskSort::ALL {
                    let params = ListTasksParams { sort: Some(*sort), ..params.clone() };
                    shapes.extend(
                        page(&params).shapes(|cursor| page_sql(viewer, &ListTasksParams { cursor, ..params.clone() })),
                    );
                }
            }
        }
    }
    shapes
});
