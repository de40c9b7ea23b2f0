// Package config holds every setting of a Halley server: their names, defaults and meaning are the fields and tags of [Config], and nowhere else.
//
// A setting that is a single value can be given in four ways. The first of these that names it wins:
//
//	flag         --routing-offer-timeout 20s
//	environment  HALLEY_ROUTING_OFFER_TIMEOUT=20s
//	file         routing: {offer-timeout: 20s}
//	default      the tag on the field
//
// Who and what there is (users, queues, skills, services and the like) can be given in the file only. A key that does not exist, a value that does not
// fit and a name that nothing has are errors which say where, and what would be right.
//
// docs/configuration.md is written from this file: go test ./internal/config -update.
package config

import "time"

// Config is a complete configuration. [Load] makes one; [Config.Directory] builds from it who and what there is.
//
// The tags of a setting: yaml is its name, default its value when nobody gives one, help what it does. Kong reads the same
// tags for the flags of halley serve.
type Config struct {
	Listen         string        `yaml:"listen" default:"127.0.0.1:8080" help:"Address and port to serve on. Port 0 takes any free one."`
	OpsListen      string        `yaml:"ops-listen" help:"A second address, for /metrics, /healthz, /readyz and /version. /metrics is then no longer served on the first."`
	Data           string        `yaml:"data" default:"./halley-data" help:"Folder of the database. It is made if it does not exist, and used by one server at a time."`
	URL            string        `yaml:"url" help:"Public address that clients use, such as https://desk.example.com. Resources name themselves by it. Default: http:// and the address served on."`
	TrustedProxies []string      `yaml:"trusted-proxies" help:"Addresses or networks of proxies in front of Halley, whose X-Forwarded-For is believed."`
	Demo           bool          `yaml:"demo" help:"Bring demo users, queues and services, and a scripted customer. Loopback addresses only."`
	DemoPublic     bool          `yaml:"demo-public" help:"Let the demo, whose passwords everybody knows, be served on a public address."`
	DemoCustomers  int           `yaml:"demo-customers" default:"1" help:"How many scripted customers the demo brings."`
	LogLevel       string        `yaml:"log-level" default:"info" help:"Least severe log records to write: debug, info, warn or error."`
	LogFormat      string        `yaml:"log-format" default:"text" help:"Form of the log: text or json."`
	Drain          time.Duration `yaml:"drain" default:"30s" help:"Time to let clients go when the server is told to stop."`
	FeedRetention  time.Duration `yaml:"feed-retention" default:"24h" help:"How long an agent's notifications are kept."`
	KeyRetention   time.Duration `yaml:"key-retention" default:"24h" help:"How long the answer to a request is kept under its Idempotency-Key or clientMessageId."`
	SessionTimeout time.Duration `yaml:"session-timeout" default:"30m" help:"A log-in ends when it has not been used for so long."`
	ReadTimeout    time.Duration `yaml:"read-timeout" default:"30s" help:"Time a client has to send one whole request."`
	MaxConnections int           `yaml:"max-connections" default:"20000" help:"Open connections; further ones are closed at once."`
	MaxPerAddress  int           `yaml:"max-per-address" default:"2000" help:"Open connections from one address, other than loopback and trusted proxies; further ones are closed at once."`

	Agent    Agent    `yaml:"agent" embed:"" prefix:"agent-" group:"Agent API"`
	Customer Customer `yaml:"customer" embed:"" prefix:"customer-" group:"Customer API"`
	Routing  Routing  `yaml:"routing" embed:"" prefix:"routing-" group:"Routing"`

	Users        []User        `yaml:"users" kong:"-" help:"Who can log in."`
	Queues       []Queue       `yaml:"queues" kong:"-" help:"Where chats wait."`
	Skills       []Skill       `yaml:"skills" kong:"-" help:"What agents can be good at."`
	Groups       []Group       `yaml:"groups" kong:"-" help:"Teams of users. Each has a workbin that its members share."`
	Services     []Service     `yaml:"services" kong:"-" help:"Entry points for customers: /genesys/2/chat/{name}."`
	AgentStates  []AgentState  `yaml:"agent-states" kong:"-" help:"States agents can take besides Ready and NotReady."`
	Dispositions []Disposition `yaml:"dispositions" kong:"-" help:"How a chat can have ended, for desktops to offer."`

	StandardResponses []ResponseGroup `yaml:"standard-responses" kong:"-" help:"Texts for agents to send, by category. At most 10,000 in all."`

	Settings map[string]map[string]string `yaml:"settings" kong:"-" help:"Settings for everybody's desktop: section, key, value, all of them text. A user's own win over these, and these over the defaults."`
}

// Agent are the settings of the agent API and its notifications.
type Agent struct {
	Transports            []string      `yaml:"transports" default:"websocket,long-polling,callback-polling" help:"CometD transports, in the order in which they are offered."`
	Timeout               time.Duration `yaml:"timeout" default:"30s" help:"How long a CometD connect is held when there is nothing to say."`
	Interval              time.Duration `yaml:"interval" default:"0s" help:"Pause that clients are asked to make between two connects."`
	MaxInterval           time.Duration `yaml:"max-interval" default:"10s" help:"A CometD session without a connect for so long is parked."`
	ResumeWindow          time.Duration `yaml:"resume-window" default:"10m" help:"How long a parked CometD session is kept: its client goes on where it was, also after a restart of the server. 0s: not at all."`
	MaxSessionsPerBrowser int           `yaml:"max-sessions-per-browser" default:"3" help:"CometD connects held for one browser over HTTP/1.1 at a time. -1: any number."`
	MaxMessageSize        int           `yaml:"max-message-size" default:"1048576" help:"Bytes of a CometD request."`
	MaxFrameSize          int           `yaml:"max-frame-size" default:"65536" help:"Bytes of a CometD message over websocket."`
	MaxMessages           int           `yaml:"max-messages" default:"1000" help:"CometD messages in one request or frame."`
	MaxSubscriptions      int           `yaml:"max-subscriptions" default:"1000" help:"Subscriptions of one CometD session."`
	MaxBatch              int           `yaml:"max-batch" default:"200" help:"Notifications in one response or frame; the rest follows at once."`
	PingInterval          time.Duration `yaml:"ping-interval" default:"25s" help:"Time between pings on a CometD websocket."`
	IncludeMessageType    bool          `yaml:"include-message-type" help:"Send messageType in the messages of a transcript."`
	TimeZone              string        `yaml:"time-zone" default:"Local" help:"Zone of the time stamps that agents' desktops get, such as Europe/Berlin. Local: the machine's."`
	CSRF                  bool          `yaml:"csrf" help:"Demand the header X-CSRF-TOKEN on each POST, PUT and DELETE."`
	AllowedOrigins        []string      `yaml:"allowed-origins" help:"Sites whose pages may use the agent API with the agent's cookie, as scheme://host[:port]."`
	MaxBody               int64         `yaml:"max-body" default:"262144" help:"Bytes of a request's body."`
	DispositionKey        string        `yaml:"disposition-key" default:"DispositionCode" help:"Key of the user data that SetDisposition writes when the request names none."`
}

// Customer are the settings of the customer API.
type Customer struct {
	MaxBody             int64 `yaml:"max-body" default:"262144" help:"Bytes of a request's body."`
	StartsPerMinute     int   `yaml:"starts-per-minute" default:"10" help:"Chats that one address may start per minute."`
	OperationsPerSecond int   `yaml:"operations-per-second" default:"20" help:"Requests per second within one chat."`
}

// Routing are the settings of who gets which chat.
type Routing struct {
	OfferTimeout     time.Duration `yaml:"offer-timeout" default:"30s" help:"An offer that is not answered for so long goes back to the queue."`
	AskTimeout       time.Duration `yaml:"ask-timeout" default:"2m" help:"A Consult or Invite through a queue for which nobody there had time for so long is over."`
	DeclinePause     time.Duration `yaml:"decline-pause" default:"1m" help:"A chat that an agent rejected or did not answer is not offered to her again for so long, or until she goes Ready anew."`
	LeastLoadedFirst bool          `yaml:"least-loaded-first" help:"Offer to the agent with the fewest chats first, and among equals to the one idle longest. Otherwise to the one idle longest."`
}

// User is somebody who can log in.
type User struct {
	Name         string                       `yaml:"name" help:"What she logs in with."`
	FirstName    string                       `yaml:"first-name" help:"First name."`
	LastName     string                       `yaml:"last-name" help:"Last name."`
	Email        string                       `yaml:"email" help:"E-mail address."`
	EmployeeID   string                       `yaml:"employee-id" help:"Number in the company."`
	PhoneNumbers []string                     `yaml:"phone-numbers" help:"Telephone numbers, for colleagues to see and to find her by."`
	Roles        []string                     `yaml:"roles" default:"agent" help:"Any of agent, supervisor and administrator."`
	Features     []string                     `yaml:"features" default:"by roles" help:"What she may do, instead of what her roles bring: any of api-multimedia, api-multimedia-chat (chats: either is enough), api-voice (log-in to the media), api-supervisor-agent-control and api-supervisor-monitoring (both: supervisors only)."`
	Queues       []string                     `yaml:"queues" help:"Names of the queues whose chats she gets."`
	Skills       map[string]int               `yaml:"skills" help:"Names of her skills, each with a level from 1 to 10."`
	Capacity     *int                         `yaml:"capacity" default:"3" help:"Chats at a time."`
	PasswordHash string                       `yaml:"password-hash" help:"What halley hash-password prints for her password."`
	Settings     map[string]map[string]string `yaml:"settings" help:"Settings for her desktop: section, key, value."`
}

// Queue is where chats wait.
type Queue struct {
	Name        string   `yaml:"name" help:"Name of the queue."`
	Description string   `yaml:"description" help:"What it is for."`
	Suggest     []string `yaml:"suggest" default:"none" help:"Names of the queues that desktops propose when one of its chats is transferred."`
}

// Skill is something agents can be good at.
type Skill struct {
	Name string `yaml:"name" help:"Name of the skill."`
}

// Group is a team of users.
type Group struct {
	Name  string   `yaml:"name" help:"Name of the group."`
	Type  string   `yaml:"type" default:"AgentGroup" help:"What kind of team it is, for desktops to show, such as BusinessUnit or Site."`
	Users []string `yaml:"users" help:"Names of its members."`
}

// Service is an entry point for customers (customer-api 5.1).
type Service struct {
	Name              string         `yaml:"name" help:"Name of the service, as in the address."`
	Endpoint          string         `yaml:"endpoint" default:"the first queue" help:"Queue that its chats wait in, as name or tenant:name."`
	RequiredFields    []string       `yaml:"required-fields" help:"What a customer must tell: any of firstName, lastName, subject and emailAddress."`
	AllowedOrigins    []string       `yaml:"allowed-origins" default:"any" help:"Sites whose pages may use the service, as scheme://host[:port]."`
	TypingPreview     *bool          `yaml:"typing-preview" default:"true" help:"Show agents what the customer is typing."`
	EndedRetention    *time.Duration `yaml:"ended-retention" default:"10m" help:"How long a customer can still read a chat that is over."`
	ClientTimeoutREST *time.Duration `yaml:"client-timeout-rest" default:"45s" help:"A customer who makes no request for so long has left."`
}

// AgentState is a state an agent can take, such as Lunch.
type AgentState struct {
	Operation   string `yaml:"operation" help:"Name of the operation that takes it."`
	DisplayName string `yaml:"display-name" default:"the operation" help:"What desktops show."`
	Reason      string `yaml:"reason" default:"the operation" help:"Reason code of the state NotReady."`
}

// Disposition is how a chat can have ended.
type Disposition struct {
	Name        string `yaml:"name" help:"What is written into the user data."`
	DisplayName string `yaml:"display-name" default:"the name" help:"What desktops show."`
}
