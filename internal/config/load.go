package config

import (
	"fmt"
	"os"
	"reflect"
)

// MaxFile is the largest configuration file that is read, in bytes.
const MaxFile = 4 << 20

// Error says what is wrong with a configuration, in one line: trying again changes nothing.
type Error struct{ reason error }

func (e *Error) Error() string { return e.reason.Error() }

// Unwrap returns what is behind it, such as a file that cannot be read.
func (e *Error) Unwrap() error { return e.reason }

func wrong(reason error) error {
	if reason == nil {
		return nil
	}
	return &Error{reason}
}

// Sources are where a configuration comes from.
type Sources struct {
	// File is the YAML file to read. Empty: none.
	File string
	// Env looks up a variable of the environment.
	Env func(name string) (string, bool)
	// Flags holds the values that were given on the command line, and Given names their flags.
	Flags Config
	Given []string
}

// Load reads a configuration: flags over environment over file over defaults. With demo set, the defaults are those of the demo. The configuration
// is checked with Check. Errors are of type *Error.
func Load(src Sources) (Config, error) {
	var file []byte
	if src.File != "" {
		var err error
		if file, err = readFile(src.File); err != nil {
			return Config{}, wrong(err)
		}
	}
	c, err := src.over(Default(), file)
	if err == nil && c.Demo {
		c, err = src.over(DemoDefault(), file)
		if demo := DemoDefault(); !reflect.DeepEqual(c.Users, demo.Users) && reflect.DeepEqual(c.Groups, demo.Groups) {
			c.Groups = nil // they are of the demo's users
		}
	}
	if err != nil {
		return Config{}, wrong(err)
	}
	return c, c.Check()
}

// over lays the sources over base.
func (src Sources) over(base Config, file []byte) (Config, error) {
	c := base
	if err := decode(src.File, file, &c); err != nil {
		return Config{}, err
	}
	given := map[string]bool{}
	for _, flag := range src.Given {
		given[flag] = true
	}
	for _, s := range settings() {
		if given[s.flag()] {
			s.of(&c).Set(s.of(&src.Flags))
			continue
		}
		// An empty variable counts as absent: that is how a service file or a container switches one off.
		if text, ok := src.Env(s.env()); ok && text != "" {
			if err := s.set(&c, text); err != nil {
				return Config{}, fmt.Errorf("environment variable %s: %w", s.env(), err)
			}
		}
	}
	return c, nil
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("read the configuration: %s has %d bytes, more than the %d that are accepted", name, info.Size(), MaxFile)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return data, nil
}
