package doctor

import (
	"context"

	"github.com/halley-chat/halley/internal/store/sqlite"
)

// examineData reads the whole database, which may be in use meanwhile.
func examineData(ctx context.Context, r *report, folder string) {
	found, err := sqlite.Check(ctx, folder)
	if err != nil {
		r.problem("data", "name the server's data folder with --data, and run halley doctor as the server's user", "%v", err)
		return
	}
	for _, f := range found {
		r.problem("data", f.Do, "%s: %s", f.Where, f.What)
	}
	if len(found) == 0 {
		r.ok("data", "the database in %s is whole, and contradicts itself nowhere", folder)
	}
}
