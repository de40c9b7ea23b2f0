package bayeux_test

import (
	"testing"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/bayeux/sessionstoretest"
)

// The store that the tests of sessions use keeps the contract.
func TestSessionStore(t *testing.T) {
	sessionstoretest.Run(t, func(*testing.T) bayeux.SessionStore { return bayeux.NewShelf() })
}
