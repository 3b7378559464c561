//! The closed set of methods, both eras, plus the two HTTP verbs of the older era.
//!
//! Enters: a method string. Leaves: a closed `Method` fit to be a metric label. Never: a caller's
//! own string.

/// What a caller asks for. Anything the gateway does not know is [`Method::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `tools/call`.
    ToolsCall,
    /// `tools/list`.
    ToolsList,
    /// `initialize` (older era).
    Initialize,
    /// `ping` (older era).
    Ping,
    /// `server/discover` (2026-07-28).
    Discover,
    /// `subscriptions/listen` (2026-07-28).
    Listen,
    /// `prompts/list`.
    PromptsList,
    /// `prompts/get`.
    PromptsGet,
    /// `resources/list`.
    ResourcesList,
    /// `resources/read`.
    ResourcesRead,
    /// `resources/templates/list`.
    TemplatesList,
    /// `resources/subscribe` (older era).
    Subscribe,
    /// `resources/unsubscribe` (older era).
    Unsubscribe,
    /// `completion/complete`.
    Complete,
    /// `logging/setLevel` (older era).
    SetLevel,
    /// `tasks/get` (extension).
    TasksGet,
    /// `tasks/update` (extension).
    TasksUpdate,
    /// `tasks/cancel` (extension).
    TasksCancel,
    /// `tasks/result` (2025-11-25 only).
    TasksResult,
    /// `notifications/initialized` (older era).
    Initialized,
    /// `notifications/cancelled`.
    Cancelled,
    /// Any other `notifications/…`.
    Notification,
    /// A response: what a client says to a server's question (older era).
    Response,
    /// HTTP GET on a session: the stream of unsolicited messages (older era).
    OpenStream,
    /// HTTP DELETE on a session (older era).
    EndSession,
    /// Not known to the gateway.
    Other,
}

/// Spelling on the wire, method. Responses, GET and DELETE have no spelling there.
const WIRE: [(&str, Method); 21] = [
    ("tools/call", Method::ToolsCall),
    ("tools/list", Method::ToolsList),
    ("initialize", Method::Initialize),
    ("ping", Method::Ping),
    ("server/discover", Method::Discover),
    ("subscriptions/listen", Method::Listen),
    ("prompts/list", Method::PromptsList),
    ("prompts/get", Method::PromptsGet),
    ("resources/list", Method::ResourcesList),
    ("resources/read", Method::ResourcesRead),
    ("resources/templates/list", Method::TemplatesList),
    ("resources/subscribe", Method::Subscribe),
    ("resources/unsubscribe", Method::Unsubscribe),
    ("completion/complete", Method::Complete),
    ("logging/setLevel", Method::SetLevel),
    ("tasks/get", Method::TasksGet),
    ("tasks/update", Method::TasksUpdate),
    ("tasks/cancel", Method::TasksCancel),
    ("tasks/result", Method::TasksResult),
    ("notifications/initialized", Method::Initialized),
    ("notifications/cancelled", Method::Cancelled),
];

/// What is counted although the wire has no word for it.
const UNSPOKEN: [(&str, Method); 5] = [
    ("session/answer", Method::Response),
    ("notifications/_OTHER", Method::Notification),
    ("stream/open", Method::OpenStream),
    ("session/end", Method::EndSession),
    ("_OTHER", Method::Other),
];

// === impl Method ===

impl Method {
    /// Reads a method as spelled on the wire (case-sensitive).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match WIRE.iter().find(|(spelling, _)| *spelling == text) {
            Some((_, method)) => *method,
            None if text.starts_with("notifications/") => Self::Notification,
            None => Self::Other,
        }
    }

    /// A label value: the wire spelling, or `_OTHER`.
    #[must_use]
    pub fn label(self) -> &'static str {
        let known = WIRE.iter().chain(&UNSPOKEN).find(|(_, method)| *method == self);
        known.map_or("_OTHER", |(text, _)| text)
    }

    /// Whether the method is a notification: it has no id and gets no answer.
    #[must_use]
    pub const fn is_notification(self) -> bool {
        matches!(self, Self::Initialized | Self::Cancelled | Self::Notification)
    }

    /// Whether `Mcp-Name` must accompany the method (streamable-http, "Request Headers").
    #[must_use]
    pub const fn needs_name_header(self) -> bool {
        matches!(
            self,
            Self::ToolsCall
                | Self::PromptsGet
                | Self::ResourcesRead
                | Self::TasksGet
                | Self::TasksUpdate
                | Self::TasksCancel
        )
    }

    /// Whether it is about a task.
    #[must_use]
    pub const fn is_of_task(self) -> bool {
        matches!(self, Self::TasksGet | Self::TasksUpdate | Self::TasksCancel | Self::TasksResult)
    }

    /// Every label value the metrics may carry.
    pub fn labels() -> impl Iterator<Item = &'static str> {
        WIRE.iter().chain(&UNSPOKEN).map(|(text, _)| *text)
    }
}
