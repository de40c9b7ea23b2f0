package customer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
)

const (
	defaultPoll = 2 * time.Second
	// maxTries is how often something that fails for the moment is tried.
	maxTries = 10
	// firstPause is the pause after the first failure; it doubles up to longestPause.
	firstPause, longestPause = 250 * time.Millisecond, 5 * time.Second
	// answerTime bounds one request. The server answers at once, always.
	answerTime = 30 * time.Second
	// farewellTime bounds the attempt to leave in good manners when the play is stopped.
	farewellTime = time.Second
)

// PlayOptions are how a script is played.
type PlayOptions struct {
	Seed    uint64          // the same seed thinks and types for the same times
	Poll    time.Duration   // between looks for answers; 0: 2 s
	Out     io.Writer       // the conversation as text, a line per event; nil: none
	Logger  *slog.Logger    // what went wrong and was tried again; nil: none
	Observe func(e Message) // called for each event of the transcript that she sees, in order; nil: nobody
}

// Play is a customer who follows a script until she leaves, or until the chat is ended for her. If ctx ends before, she leaves, and ctx's error is
// returned.
func Play(ctx context.Context, c *Client, s *Script, o PlayOptions) error {
	p := newPlayer(c, s, o)
	if err := p.start(ctx); err != nil {
		return err
	}
	err := p.follow(ctx)
	if ctx.Err() != nil {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
		defer cancel()
		if _, err := c.Disconnect(bye); err != nil {
			p.log.Debug("she could not say good-bye", "chat", c.ChatID(), "error", err)
		}
		return ctx.Err()
	}
	if errors.Is(err, errOver) {
		return nil
	}
	return err
}

// errOver ends a play: the chat is over.
var errOver = errors.New("the chat is over")

type player struct {
	*Client
	script  *Script
	options PlayOptions
	random  *rand.Rand
	log     *slog.Logger

	next    int64     // position to ask for
	polled  time.Time // last look
	answers []string  // since her last words
	said    int       // for the names of messages
}

func newPlayer(c *Client, s *Script, o PlayOptions) *player {
	if o.Poll <= 0 {
		o.Poll = defaultPoll
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &player{Client: c, script: s, options: o, log: log, next: 1, random: rand.New(rand.NewPCG(o.Seed, 0))}
}

// start requests the chat. A request without an answer is not repeated: the chat may have begun.
func (p *player) start(ctx context.Context) error {
	params := []Param{{"nickname", p.script.Nickname}, {"subject", p.script.Subject}, {"emailAddress", p.script.Email}}
	for k, v := range p.script.UserData {
		params = append(params, Data(k, v))
	}
	return p.insist(ctx, answeredTemporary, func(ctx context.Context) (Envelope, error) { return p.Start(ctx, params...) })
}

// follow plays the lines. After the last one she stays until the chat is over.
func (p *player) follow(ctx context.Context) error {
	for _, l := range p.script.Lines {
		if l.WaitFor != "" {
			heard, err := p.await(ctx, l.WaitFor)
			if err != nil {
				return err
			}
			if !heard {
				p.say(p.script.Nickname, "(is tired of waiting)")
				return p.leave(ctx)
			}
		}
		if err := p.turn(ctx, l); err != nil {
			return err
		}
		if l.Leave {
			return p.leave(ctx)
		}
	}
	for {
		if err := p.pause(ctx, p.options.Poll); err != nil {
			return err
		}
	}
}

// turn thinks, types and says one line.
func (p *player) turn(ctx context.Context, l Line) error {
	if err := p.pause(ctx, p.about(l.Think)); err != nil {
		return err
	}
	if l.Typing > 0 {
		if err := p.insist(ctx, temporary, func(ctx context.Context) (Envelope, error) { return p.StartTyping(ctx, "", From(p.next)) }); err != nil {
			return err
		}
		if err := p.pause(ctx, p.about(l.Typing)); err != nil {
			return err
		}
	}
	switch {
	case l.Text != "":
		p.said++
		// With a name of its own, a message whose answer was lost may be sent again.
		name := Once(fmt.Sprintf("line-%d", p.said))
		p.answers = nil
		return p.insist(ctx, temporary, func(ctx context.Context) (Envelope, error) {
			return p.Send(ctx, l.Text, Param{"messageType", "text"}, name, From(p.next))
		})
	case l.Typing > 0:
		return p.insist(ctx, temporary, func(ctx context.Context) (Envelope, error) { return p.StopTyping(ctx, From(p.next)) })
	}
	return nil
}

func (p *player) leave(ctx context.Context) error {
	return p.insist(ctx, temporary, func(ctx context.Context) (Envelope, error) { return p.Disconnect(ctx, From(p.next)) })
}

// await polls until the other side says what she waits for; false: her patience is at its end.
func (p *player) await(ctx context.Context, what string) (heard bool, err error) {
	began := time.Now()
	for {
		for _, a := range p.answers {
			if what == Anything || strings.Contains(strings.ToLower(a), strings.ToLower(what)) {
				return true, nil
			}
		}
		if p.script.Patience > 0 && time.Since(began) >= p.script.Patience {
			return false, nil
		}
		if err := p.pause(ctx, p.options.Poll); err != nil {
			return false, err
		}
	}
}

// pause lets time go by, and looks for answers meanwhile.
func (p *player) pause(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	for {
		look := p.polled.Add(p.options.Poll)
		if look.After(end) {
			return sleep(ctx, time.Until(end))
		}
		if err := sleep(ctx, time.Until(look)); err != nil {
			return err
		}
		if err := p.insist(ctx, temporary, func(ctx context.Context) (Envelope, error) { return p.Refresh(ctx, From(p.next)) }); err != nil {
			return err
		}
	}
}

// insist does something until it succeeds or fails for good, and takes in what the answer tells.
func (p *player) insist(ctx context.Context, mayRepeat func(error) bool, do func(context.Context) (Envelope, error)) error {
	for try, wait := 1, firstPause; ; try, wait = try+1, min(2*wait, longestPause) {
		e, err := once(ctx, do)
		if err == nil {
			return p.take(e)
		}
		var refused *Error
		if errors.As(err, &refused) && refused.Ended() {
			return errOver
		}
		if ctx.Err() != nil || try == maxTries || !mayRepeat(err) {
			return err
		}
		if refused != nil {
			wait = max(wait, refused.RetryAfter)
		}
		p.log.Warn("she tries again", "chat", p.ChatID(), "in", wait, "error", err)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func once(ctx context.Context, do func(context.Context) (Envelope, error)) (Envelope, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return do(ctx)
}

// temporary says whether it is worth to try again: there was no answer, or one that asks for it.
func temporary(err error) bool {
	var refused *Error
	return !errors.As(err, &refused) || refused.Temporary()
}

// answeredTemporary is temporary for what must not be repeated without knowing what became of it.
func answeredTemporary(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Envelope.StatusCode == 1
}

// take reads an answer: what is new in the transcript, and whether the chat is over. She asks for the transcript whatever she does, so every
// answer is also a look.
func (p *player) take(e Envelope) error {
	for _, m := range e.Messages {
		if m.Index < p.next {
			continue
		}
		p.next = m.Index + 1
		p.tell(m)
		if m.Answer() {
			p.answers = append(p.answers, m.Text)
		}
	}
	p.polled = time.Now()
	if e.ChatEnded {
		p.say("", "(the chat is over)")
		return errOver
	}
	return nil
}

// tell prints an event, and reports it to who observes.
func (p *player) tell(m Message) {
	if p.options.Observe != nil {
		p.options.Observe(m)
	}
	switch m.Type {
	case "Message", "PushUrl", "Notice":
		p.say(m.From.Nickname, m.Text)
	case "ParticipantJoined":
		p.say(m.From.Nickname, "(has joined)")
	case "ParticipantLeft":
		p.say(m.From.Nickname, "(has left)")
	}
}

func (p *player) say(who, what string) {
	if p.options.Out == nil {
		return
	}
	if who != "" {
		who = printable(who) + ": "
	}
	// Who reads along has no influence on the chat, and no error of hers may end it.
	_, _ = fmt.Fprintf(p.options.Out, "%s%s\n", who, strings.ReplaceAll(printable(what), "\n", "\n    "))
}

// printable takes away what could work on a terminal: whatever an agent writes must only be read.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// about varies a time by up to a half.
func (p *player) about(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.5 + p.random.Float64()))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
