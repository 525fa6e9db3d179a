//! Packages in force.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chaincity_api::Problem;
use chaincity_api::package::{PackageInfo, PackageList};

use crate::convert;
use crate::error::Answer;
use crate::params::Parameters;
use crate::state::Shared;

/// `GET /v1/packages`.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<PackageList> {
    let packages = shared.node.packages();
    let mut items: Vec<_> = packages.iter().map(|p| convert::package_summary(p)).collect();
    items.sort_by(|a, b| a.id.cmp(&b.id));
    Json(PackageList { items })
}

/// `GET /v1/packages/{id}`.
pub(crate) async fn package(
    State(shared): State<Arc<Shared>>,
    Parameters(id): Parameters<String>,
) -> Answer<Json<PackageInfo>> {
    let packages = shared.node.packages();
    let package = packages.iter().find(|package| package.id == id);
    Ok(Json(convert::package_info(package.ok_or(Problem::NoSuchPackage)?)))
}
