//! Each tool on answers as EKS writes them, on wrong arguments, and on a sick EKS.

use serde_json::{Value, json};

use super::{tools as of, toolset};
use crate::aws::{Config, tests::aws};
use crate::schema::only_known_words;
use crate::testing::no_sickness_is_a_success;
use crate::testing::{Asked, Fixture, Say, call, code, message};
use crate::toolset::Toolset;

fn tools(url: &str) -> Toolset {
    of(&aws(url))
}

fn cluster(name: &str) -> Value {
    json!({ "cluster": {
        "name": name, "status": "ACTIVE", "version": "1.33", "platformVersion": "eks.5",
        "arn": format!("arn:aws:eks:eu-test-1:000000000000:cluster/{name}"),
        "createdAt": 1_700_000_000.25, "endpoint": "https://127.0.0.1:1",
        "roleArn": "arn:aws:iam::000000000000:role/r",
        "resourcesVpcConfig": {
            "vpcId": "vpc-1", "subnetIds": ["subnet-1"], "securityGroupIds": [],
            "endpointPublicAccess": true, "endpointPrivateAccess": false,
            "publicAccessCidrs": ["0.0.0.0/0"],
        },
        "logging": { "clusterLogging": [
            { "types": ["api", "audit"], "enabled": true },
            { "types": ["scheduler"], "enabled": false },
        ] },
        "certificateAuthority": { "data": "" }, "health": { "issues": [] },
        "encryptionConfig": [{ "resources": ["secrets"] }],
    } })
}

fn group(name: &str, status: &str) -> Value {
    let issues = json!([{
        "code": "AsgInstanceLaunchFailures", "message": "no capacity", "resourceIds": ["asg"],
    }]);
    let issues = if status == "DEGRADED" { issues } else { json!([]) };
    json!({ "nodegroup": {
        "nodegroupName": name, "status": status, "version": "1.33", "capacityType": "SPOT",
        "amiType": "AL2023_ARM_64_STANDARD", "instanceTypes": ["m7g.large"],
        "scalingConfig": { "minSize": 1, "maxSize": 5, "desiredSize": 3 },
        "health": { "issues": issues },
    } })
}

/// Answers as EKS would; names come on two pages.
fn eks(asked: &Asked, group_status: &str) -> Say {
    let second = asked.field("nextToken").is_some();
    let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
    Say::json(&match parts.as_slice() {
        ["clusters"] if second => json!({ "clusters": ["late"] }),
        ["clusters"] => json!({ "clusters": ["shop", "gone"], "nextToken": "t=1&" }),
        ["clusters", "gone"] => {
            let body = json!({ "message": "No cluster found", "clusterName": "gone" });
            let kind = ("x-amzn-errortype", "ResourceNotFoundException".to_owned());
            return Say::This(404, vec![kind], body.to_string());
        }
        ["clusters", name] => cluster(name),
        [_, _, "node-groups"] if second => json!({ "nodegroups": ["b"] }),
        [_, _, "node-groups"] => json!({ "nodegroups": ["a"], "nextToken": "t" }),
        [_, _, "node-groups", "a"] => group("a", "ACTIVE"),
        [_, _, "node-groups", name] => group(name, group_status),
        [_, _, "fargate-profiles"] => json!({ "fargateProfileNames": ["f"], "nextToken": "" }),
        [_, _, "fargate-profiles", name] => json!({ "fargateProfile": {
            "fargateProfileName": name, "status": "ACTIVE", "selectors": [{ "namespace": "jobs" }],
        } }),
        [_, _, "addons"] => json!({ "addons": ["coredns"], "nextToken": null }),
        [_, _, "addons", name] => json!({ "addon": {
            "addonName": name, "status": "ACTIVE", "addonVersion": "v1.11.4-eksbuild.2",
            "health": { "issues": [] },
        } }),
        other => panic!("{other:?}"),
    })
}

async fn fixture(group_status: &'static str) -> Fixture {
    Fixture::start(move |asked| eks(asked, group_status)).await
}

#[tokio::test]
async fn clusters_come_a_page_at_a_time_and_those_that_went_meanwhile_are_left_out() {
    let eks = fixture("ACTIVE").await;
    let reply = call(&tools(&eks.url), "list_clusters", json!({ "max_results": 2 })).await;
    let told = reply.structured();
    assert_eq!((&told["count"], &told["truncated"]), (&json!(1), &json!(true)), "{told}");
    assert_eq!(told["clusters"][0]["version"], "1.33");
    let next = told["next"].clone();
    let reply = call(&tools(&eks.url), "list_clusters", json!({ "next": next })).await;
    assert_eq!(reply.structured()["clusters"][0]["name"], "late");
    assert_eq!(reply.structured()["truncated"], false);
    let asked = eks.asked();
    assert_eq!(asked[0].field("maxResults").as_deref(), Some("2"));
    assert!(asked.iter().any(|asked| asked.field("nextToken").as_deref() == Some("t=1&")));
    let signed = asked[0].headers["authorization"].to_str().unwrap();
    assert!(signed.contains("/eu-test-1/eks/aws4_request"), "{signed}");
}

#[tokio::test]
async fn a_cluster_is_described_with_all_pages_of_its_parts() {
    let eks = fixture("DEGRADED").await;
    let reply = call(&tools(&eks.url), "describe_cluster", json!({ "cluster_name": "shop" })).await;
    let told = reply.structured();
    let groups: Vec<&Value> = (0..2).map(|at| &told["node_groups"][at]["status"]).collect();
    assert_eq!(groups, ["ACTIVE", "DEGRADED"], "{told}");
    assert_eq!(told["node_groups"][1]["issues"][0], "AsgInstanceLaunchFailures: no capacity");
    assert_eq!(told["logs"], json!(["api", "audit"]));
    assert_eq!(told["fargate_profiles"][0]["namespaces"], json!(["jobs"]));
    assert_eq!(told["addons"][0]["version"], "v1.11.4-eksbuild.2");
    assert_eq!((&told["encrypted"], &told["truncated"]), (&json!(true), &json!(false)));
    assert!(reply.text().contains("node group b: DEGRADED, 3 nodes"), "{}", reply.text());
}

/// What EKS says to one who may not do that.
fn denied() -> Say {
    let body = json!({ "message": "not authorized to perform that" });
    let kind = ("x-amzn-errortype", "AccessDeniedException".to_owned());
    Say::This(403, vec![kind], body.to_string())
}

#[tokio::test]
async fn parts_that_may_not_be_read_are_told_as_missing_and_the_rest_is_given() {
    for (path, parts, member) in [
        ("/node-groups", "node groups", "node_groups"),
        ("/node-groups/b", "node groups", "node_groups"),
        ("/fargate-profiles", "Fargate profiles", "fargate_profiles"),
        ("/addons/coredns", "add-ons", "addons"),
    ] {
        let eks = Fixture::start(move |asked| {
            if asked.path.ends_with(path) { denied() } else { eks(asked, "ACTIVE") }
        })
        .await;
        let tools = tools(&eks.url);
        let reply = call(&tools, "describe_cluster", json!({ "cluster": "shop" })).await;
        let told = reply.structured();
        for each in ["node_groups", "fargate_profiles", "addons"] {
            assert_eq!(told.get(each).is_none(), each == member, "{path}: {each} in {told}");
        }
        assert_eq!(told["not_read"].as_array().map(Vec::len), Some(1), "{told}");
        assert_eq!(told["not_read"][0]["parts"], member);
        let why = told["not_read"][0]["why"].as_str().unwrap();
        assert!(why.contains("not authorized to perform that"), "{why}");
        let text = reply.text();
        assert!(text.contains(&format!("{parts} could not be read")), "{text}");
        // A score that leaves a part out would be one where EKS has not told.
        let reply = call(&tools, "cluster_health", json!({ "cluster": "shop" })).await;
        assert_eq!(code(&reply), "denied", "{path}");
    }
}

#[tokio::test]
async fn only_a_want_of_permission_leaves_parts_out() {
    for (path, status, wanted) in
        [("/addons", 500, "upstream_error"), ("/clusters/shop", 403, "denied")]
    {
        let eks = Fixture::start(move |asked| match asked.path.ends_with(path) {
            true if status == 403 => denied(),
            true => Say::This(status, Vec::new(), "{}".to_owned()),
            false => eks(asked, "ACTIVE"),
        })
        .await;
        let reply = call(&tools(&eks.url), "describe_cluster", json!({ "cluster": "shop" })).await;
        assert_eq!(code(&reply), wanted, "{path}");
    }
}

#[tokio::test]
async fn health_is_that_of_the_worst_part_and_says_why() {
    let eks = fixture("CREATE_FAILED").await;
    let reply = call(&tools(&eks.url), "cluster_health", json!({ "cluster": "shop" })).await;
    let told = reply.structured();
    assert_eq!((&told["score"], &told["state"]), (&json!(20), &json!("unhealthy")), "{told}");
    assert_eq!(told["reasons"][0]["part"], "node group b");
    assert_eq!(told["reasons"][1]["part"], "API", "nobody listens there");
    assert_eq!(told["api_answers"], false);
}

#[test]
fn nothing_makes_up_for_the_control_plane() {
    use super::api::Whole;
    use super::score::{Probe, State, score, state};

    let of = |status: &str, issues: Value, version: &str| {
        let mut told = cluster("shop")["cluster"].take();
        told["status"] = status.into();
        told["health"]["issues"] = issues;
        let mut nodes = group("a", "ACTIVE")["nodegroup"].take();
        nodes["version"] = version.into();
        let node_groups = vec![serde_json::from_value(nodes).unwrap(); 10];
        let cluster = serde_json::from_value(told).unwrap();
        Whole {
            cluster,
            node_groups,
            fargate: Vec::new(),
            addons: Vec::new(),
            truncated: false,
            unread: Vec::new(),
        }
    };
    let issue = json!([{ "code": "Ec2SubnetNotFound", "message": "gone" }]);
    for (status, issues, version, wanted, word) in [
        ("ACTIVE", json!([]), "1.33", 100, State::Healthy),
        ("UPDATING", json!([]), "1.33", 90, State::Healthy),
        ("ACTIVE", issue, "1.33", 50, State::Unhealthy),
        ("ACTIVE", json!([]), "1.30", 80, State::Degraded),
        ("ACTIVE", json!([]), "1.29", 40, State::Unhealthy),
        ("FAILED", json!([]), "1.33", 0, State::Down),
        ("DELETING", json!([]), "1.33", 0, State::Down),
        ("UNHEARD", json!([]), "1.33", 20, State::Unhealthy),
    ] {
        let (points, reasons) = score(&of(status, issues, version), &Probe::Answers);
        assert_eq!((points, state(points)), (wanted, word), "{status} {reasons:?}");
        assert_eq!(reasons.is_empty(), points == 100, "{reasons:?}");
    }
}

#[tokio::test]
async fn a_name_is_one_segment_of_a_path() {
    let eks = fixture("ACTIVE").await;
    let name = json!({ "cluster": "../x?y=z#é" });
    let reply = call(&tools(&eks.url), "describe_cluster", name).await;
    assert!(!reply.is_error(), "the fixture knows every name");
    let paths: Vec<String> = eks.asked().into_iter().map(|asked| asked.path).collect();
    let wanted = "/clusters/..%2Fx%3Fy%3Dz%23%C3%A9";
    assert!(paths.iter().all(|path| path.starts_with(wanted)), "{paths:?}");
}

#[tokio::test]
async fn wrong_arguments_are_refused_and_nobody_is_asked() {
    let eks = fixture("ACTIVE").await;
    let tools = tools(&eks.url);
    for (name, arguments, hint) in [
        ("list_clusters", json!({ "limit": 0 }), "from 1 to 100"),
        ("list_clusters", json!({ "region": "us-east-1" }), "no argument `region`"),
        ("describe_cluster", json!({}), "`cluster` is missing"),
        ("cluster_health", json!({ "cluster": 5 }), "put it in quotes"),
        ("cluster_health", json!({ "cluster": "a", "cluster_name": "b" }), "are the same"),
    ] {
        let reply = call(&tools, name, arguments).await;
        let said = message(&reply, "invalid_arguments");
        assert!(said.contains(hint), "{said}");
    }
    assert!(eks.asked().is_empty());
    let reply = call(&tools, "describe_cluster", json!({ "cluster": "gone" })).await;
    assert_eq!(code(&reply), "not_found");
}

#[tokio::test]
async fn no_sickness_of_eks_is_a_success() {
    let cluster = json!({ "cluster": "shop" });
    let calls = [
        ("list_clusters", json!({})),
        ("describe_cluster", cluster.clone()),
        ("cluster_health", cluster),
    ];
    no_sickness_is_a_success(tools, &calls).await;
}

#[test]
fn what_is_on_display_is_enforced() {
    only_known_words(&toolset(Config::default()).unwrap());
}
