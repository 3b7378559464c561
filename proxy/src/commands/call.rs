//! `toolgate call`: one tool, its result, and where the time went.
//!
//! Enters: a tool and its arguments. Leaves: the result on standard output, everything else on
//! standard error, and an exit code that says whose fault a failure is. Never: a token in anything
//! that is printed; a second call.

mod arguments;
pub(crate) mod code;
pub(crate) mod curl;
mod draw;
pub(crate) mod gateway;
mod ledger;
mod output;
pub(crate) mod report;
mod result;
pub(crate) mod screen;
mod suggest;
#[cfg(test)]
pub(crate) mod tests;

use std::io::Write;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::value::RawValue;
use toolgate_call::Reason;

pub use self::screen::Screen;

use self::gateway::{Credentials, Env, Gateway, TOKEN_VARIABLE, Wanted};
use self::output::Ending;
use self::report::{Asked, Report};
use super::say;
use crate::cli::Output;
use crate::exit::Exit;
use toolgate_client::{Answer, Ask, Client, Failure, Progress, Trust};

/// How often progress is printed where nobody watches.
const SELDOM: Duration = Duration::from_secs(10);
/// How often progress is printed on a terminal.
const OFTEN: Duration = Duration::from_millis(100);

/// `toolgate call`.
#[derive(Args, Clone, Debug)]
#[command(
    override_usage = "toolgate call [OPTIONS] TOOL [JSON | KEY=VALUE...]\n       toolgate call --list",
    before_help = "Examples:\n  \
        toolgate call clock___now\n  \
        toolgate call search___web query='what is MCP' limit=3 --ledger\n  \
        toolgate call k8s___get_pods '{\"namespace\":\"prod\"}' --output json\n  \
        toolgate call --list --url https://gateway.example.com/mcp\n  \
        toolgate call clock___now --url https://localhost:8800/mcp --ca ca.pem --certificate me.crt --key me.key",
    after_help = "Without --url, the newest `toolgate dev` of this user is called, with a token that \
        is fetched from it.\nWith --url, the token is that of --token, --token-env or TOOLGATE_TOKEN.\
        \n\nExit codes: 0 done, 2 usage or no such tool, 4 identity or policy, 5 the tool said it \
        failed,\n6 target or network, 7 gateway, 8 sent but not answered: look before repeating."
)]
pub struct CallArgs {
    /// The tool, as --list prints it.
    #[arg(value_name = "TOOL", required_unless_present = "list")]
    pub tool: Option<String>,
    /// Its arguments: one JSON object, or words of the form key=value. A value that is JSON is
    /// taken as JSON, any other as text.
    #[arg(value_name = "JSON | KEY=VALUE")]
    pub arguments: Vec<String>,
    /// The MCP endpoint of the gateway.
    #[arg(long)]
    pub url: Option<String>,
    /// Whom to trust over TLS, and what to show.
    #[command(flatten)]
    pub trust: Trust,
    /// The server of the gateway that is called: /NAME is added to its endpoint.
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// The bearer token. Other users of this machine can see it; better --token-env.
    #[arg(long, conflicts_with = "token_env")]
    pub token: Option<String>,
    /// The environment variable that holds the bearer token [default: TOOLGATE_TOKEN].
    #[arg(long, value_name = "NAME")]
    pub token_env: Option<String>,
    /// A scope to ask `toolgate dev` for, besides gateway/invoke and gateway/observe.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// Print where the time went, also when standard output is not a terminal.
    #[arg(long)]
    pub ledger: bool,
    /// Print the names of the tools and the first line of each description.
    #[arg(long, conflicts_with_all = ["tool", "arguments", "ledger"])]
    pub list: bool,
    /// Print the same request as a curl command, and send nothing.
    #[arg(long)]
    pub curl: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// How long to wait for the whole answer.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = arguments::duration)]
    pub timeout: Duration,
}

/// Runs the command.
pub async fn run(
    args: CallArgs,
    env: &dyn Fn(&str) -> Option<String>,
    out: &mut (impl Write + Send),
    err: &mut (impl Write + Send),
) -> Exit {
    run_on(args, env, &Screen::detect(env), (out, err)).await
}

/// Runs the command on a screen that is known.
pub(crate) async fn run_on(
    args: CallArgs,
    env: Env<'_>,
    screen: &Screen,
    (out, err): (&mut (impl Write + Send), &mut (impl Write + Send)),
) -> Exit {
    let call = Call { args, screen: *screen };
    let ending = Box::pin(call.ending(env, err)).await;
    let exit = ending.exit();
    let printed = match call.args.output {
        Output::Text => ending.text(screen, call.args.ledger),
        Output::Json => ending.json(),
    };
    say(out, &printed.out);
    say(err, &printed.err);
    exit
}

/// One run of the command.
struct Call {
    args: CallArgs,
    screen: Screen,
}

// === impl CallArgs ===

impl CallArgs {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            url: self.url.as_deref(),
            server: self.server.as_deref(),
            token: self.token.as_deref(),
            token_env: self.token_env.as_deref(),
            scopes: &self.scopes,
            patience: self.timeout,
        }
    }

    /// The request; `None` stands for the list.
    fn ask(&self) -> Result<Option<(&str, Box<RawValue>)>, Box<Report>> {
        let Some(tool) = &self.tool else { return Ok(None) };
        let arguments = arguments::parse(&self.arguments).map_err(|problem| {
            let report = Report::new(code::ARGUMENTS, Exit::Usage, problem);
            Box::new(report.help(format!("toolgate call {tool} '{{\"key\": 1}}', or key=1")))
        })?;
        Ok(Some((tool, arguments)))
    }
}

// === impl Call ===

impl Call {
    async fn ending(&self, env: Env<'_>, err: &mut (impl Write + Send)) -> Ending {
        match self.attempt(env, err).await {
            Ok(ending) => ending,
            Err(report) => Ending::Failed { report, answer: None, head: None },
        }
    }

    async fn attempt(
        &self,
        env: Env<'_>,
        err: &mut (impl Write + Send),
    ) -> Result<Ending, Box<Report>> {
        let ask = self.args.ask()?;
        let wanted = self.args.wanted();
        let gateway = Gateway::find(wanted, env)?;
        if self.args.curl {
            return Ok(Ending::Curl(self.curl(&gateway.url, ask)));
        }
        let Credentials { token, from_dev } = gateway.credentials(wanted, env).await?;
        let asked = Asked { is_call: ask.is_some(), token: token.as_ref(), from_dev };
        let client = Client::new(&gateway.url, token.clone(), self.args.timeout);
        let client = client.map_err(|failure| Box::new(Report::of(&failure, asked)))?;
        let client = client.trusting(self.args.trust.clone());
        match ask {
            None => list(&client, asked).await,
            Some((tool, arguments)) => {
                let done = self.call(&client, tool, &arguments, err).await;
                Ok(ended(&client, tool, done, asked).await)
            }
        }
    }

    fn curl(&self, url: &str, ask: Option<(&str, Box<RawValue>)>) -> String {
        let ask = match ask {
            Some((tool, arguments)) => Ask::call(tool, &arguments),
            None => Ask::list(None),
        };
        let variable = self.args.token_env.as_deref().unwrap_or(TOKEN_VARIABLE);
        curl::command(url, Some(&format!("${variable}")), &ask, &self.args.trust)
    }

    async fn call(
        &self,
        client: &Client,
        tool: &str,
        arguments: &RawValue,
        err: &mut (impl Write + Send),
    ) -> Result<Answer, Failure> {
        let pause = if self.screen.err_is_terminal { OFTEN } else { SELDOM };
        let mut last: Option<Instant> = None;
        let mut on_progress = |progress: &Progress| {
            if last.is_none_or(|last| last.elapsed() >= pause) {
                last = Some(Instant::now());
                say(err, &output::progress(progress));
            }
        };
        tokio::select! {
            done = client.call(tool, arguments, &mut on_progress) => done,
            () = interrupted() => Err(Failure::Interrupted),
        }
    }
}

/// What a call came to, with a proposal where the tool is unknown.
async fn ended(
    client: &Client,
    tool: &str,
    done: Result<Answer, Failure>,
    asked: Asked<'_>,
) -> Ending {
    let failure = match done {
        Ok(answer) if result::wants_input(&answer.result) => return input_required(answer),
        Ok(answer) => return Ending::Done { answer: Box::new(answer) },
        Err(failure) => failure,
    };
    let mut report = Report::of(&failure, asked);
    if report.reason.as_deref() == Some(Reason::TargetUnknown.as_str()) {
        report.help = proposal(client, tool).await.or(report.help);
    }
    let head = failure.head().cloned().map(Box::new);
    let answer = if let Failure::Tool(answer) = failure { Some(answer) } else { None };
    Ending::Failed { report: Box::new(report), answer, head }
}

async fn list(client: &Client, asked: Asked<'_>) -> Result<Ending, Box<Report>> {
    let tools = client.tools().await;
    tools.map(Ending::Listed).map_err(|failure| Box::new(Report::of(&failure, asked)))
}

/// The tools that were probably meant. No list is no reason to say less than is known.
async fn proposal(client: &Client, tool: &str) -> Option<String> {
    let tools = client.tools().await.ok()?;
    let near = suggest::near(tool, tools.iter().map(|tool| tool.name.as_str()));
    if near.is_empty() {
        return None;
    }
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("did you mean {}?", near.join(" or ")))
}

fn input_required(answer: Answer) -> Ending {
    let message = "the tool asks for more input, which this command cannot give";
    let mut report = Report::new(code::INPUT_REQUIRED, Exit::Tool, message)
        .help("call it from a client that can ask its user, or give all arguments at once");
    report.request_id = answer.head.request_id().map(str::to_owned);
    let head = Some(Box::new(answer.head.clone()));
    Ending::Failed { report: Box::new(report), answer: Some(Box::new(answer)), head }
}

/// Ends when the user presses Ctrl-C; never where that cannot be told.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
