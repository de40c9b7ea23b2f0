package bayeux

// situation is a row of the catalogue of errors (9.2).
type situation int

const (
	channelMissing situation = iota
	channelInvalid
	idInvalid
	sessionUnknown
	handshakeDenied
	handshakeFailed
	channelCreateDenied
	publishDenied
	subscriptionMissing
	subscriptionInvalid
	createDenied
	subscribeDenied
	subscribeFailed
	unsubscribeFailed
	messageDeleted
	internalError
)

// text returns code and text of a situation in a style (9.2). Where CometD 3
// answered HTTP 500 there is nothing to imitate, and the default stands.
func (n situation) text(style ErrorStyle) (code, text string) {
	pick := func(code, byDefault, v4, v3 string) (string, string) {
		switch style {
		case ErrorStyleV4:
			return code, v4
		case ErrorStyleV3:
			return code, v3
		}
		return code, byDefault
	}
	same := func(code, text string) (string, string) { return code, text }
	switch n {
	case channelMissing:
		return pick("400", "channel_missing", "channel_missing", "channel missing")
	case channelInvalid:
		return pick("405", "channel_invalid", "invalid_channel", "channel_invalid")
	case idInvalid:
		return pick("405", "message_id_invalid", "invalid_id", "message_id_invalid")
	case sessionUnknown:
		return pick("402", "session_unknown", "unknown_session", "Unknown client")
	case handshakeDenied:
		return pick("403", "handshake_denied", "handshake_denied", "Handshake denied")
	case handshakeFailed:
		return same("403", "handshake_failed")
	case channelCreateDenied:
		return pick("403", "channel_create_denied", "channel_create_denied", "create denied")
	case publishDenied:
		return pick("403", "publish_denied", "publish_denied", "publish denied")
	case subscriptionMissing:
		return same("403", "subscription_missing")
	case subscriptionInvalid:
		return same("403", "subscription_invalid")
	case createDenied:
		return same("403", "create_denied")
	case subscribeDenied:
		return same("403", "subscribe_denied")
	case subscribeFailed:
		return same("403", "subscribe_failed")
	case unsubscribeFailed:
		return same("403", "unsubscribe_failed")
	case messageDeleted:
		return pick("404", "message_deleted", "message_deleted", "message deleted")
	}
	return same("500", "internal_error")
}

// errorText is the error field for n, in the form of 9.1.
func (srv *Server) errorText(n situation, reason string) string {
	code, text := n.text(srv.opt.ErrorStyle)
	return code + ":" + reason + ":" + text
}

// refused is the error field for a refusal in the situation n (ER-2).
func (srv *Server) refused(n situation, r *Refusal) string {
	if validErrorText(r.Text) {
		return r.Text
	}
	if r.Reason == "" && (n == handshakeDenied || n == subscribeFailed || n == unsubscribeFailed) { // of no reason in 9.2
		return srv.errorText(n, "")
	}
	return srv.errorText(n, r.reason())
}

// validErrorText reports whether s is of the form CODE:ARGS:TEXT (9.1).
func validErrorText(s string) bool {
	if len(s) < 5 || s[3] != ':' {
		return false
	}
	for _, c := range []byte(s[:3]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	for i := 4; i < len(s); i++ {
		if s[i] == ':' {
			return true
		}
	}
	return false
}
