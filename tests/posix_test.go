package tests

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hanwen/go-fuse/v2/posixtest"
)

// posixHolds are the tests of go-fuse's posixtest that hold in a store's
// directory.
var posixHolds = []string{
	"AppendWrite",
	"DirectIO",
	"Fallocate",
	"FdLeak",
	"FileLarge",
	"LseekEnxioCheck",
	"LseekHoleSeeksToEOF",
	"ReadDirBasic",
	"ReadDirConsistency",
}

// posixCannot are those that can't hold, with the reason.
var posixCannot = map[string]string{
	"DirSeek":                    "a store has no directories in it: mkdir is EPERM",
	"FallocateKeepSize":          "it reads the file that it is writing: an image under way can't be read (EBUSY)",
	"FcntlFlockLocksFile":        "it opens a file a second time for writing: an image has one writer (EEXIST)",
	"FcntlFlockSetLk":            "it opens a file a second time for writing: an image has one writer (EEXIST)",
	"FileBasic":                  "it wants the mode that it created the file with: a complete image has the store's, without write bits",
	"FstatDeleted":               "it compares an empty file right after its close with what it is later: an empty image is under way, with another inode number, until its RELEASE has come",
	"Link":                       "an image has one name: link is EPERM",
	"LinkUnlinkRename":           "an image has one name: link is EPERM",
	"MkdirRmdir":                 "a store has no directories in it: mkdir is EPERM",
	"NlinkZero":                  "it renames a file onto another one: an image is never replaced (EEXIST)",
	"OpenAt":                     "a store has no directories in it: mkdir is EPERM",
	"OpenSymlinkRace":            "it renames a file onto another one: an image is never replaced (EEXIST); and it makes symbolic links",
	"ParallelFileOpen":           "it opens a complete image for writing: EACCES",
	"RenameOpenDir":              "a store has no directories in it: mkdir is EPERM",
	"RenameOverwriteDestExist":   "a store has no directories in it: mkdir is EPERM; and an image is never replaced (EEXIST)",
	"RenameOverwriteDestNoExist": "a store has no directories in it: mkdir is EPERM",
	"SetattrSymlink":             "it makes symbolic links: EPERM",
	"SymlinkReadlink":            "it makes symbolic links: EPERM",
	"Tmpfile":                    "an image has a name: O_TMPFILE is EOPNOTSUPP",
	"TruncateFile":               "it changes a complete image: EACCES",
	"TruncateNoFile":             "it changes a complete image: EACCES",
	"XAttr":                      "a complete image has no xattrs but its own: setting others is EOPNOTSUPP",
	"XAttrLarge":                 "a complete image has no xattrs but its own: setting others is EOPNOTSUPP",
}

// TestPosix runs go-fuse's tests of what programs expect of any filesystem.
func TestPosix(t *testing.T) {
	t.Parallel()
	m := bothReadPaths(t)
	for _, store := range m.stores() {
		for _, name := range posixHolds {
			t.Run(filepath.Base(store)+"/"+name, func(t *testing.T) {
				defer func() {
					if t.Skipped() {
						t.Error("it was skipped")
					}
				}()
				posixtest.All[name](t, store)
				entries, err := os.ReadDir(store)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries { // the next test uses the same names
					if err := os.Remove(filepath.Join(store, e.Name())); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestPosixComplete: each of go-fuse's tests is in one of the two lists.
func TestPosixComplete(t *testing.T) {
	listed := slices.Concat(posixHolds, slices.Collect(maps.Keys(posixCannot)))
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(posixtest.All)), listed); diff != "" {
		t.Errorf("the lists differ from posixtest.All (-All +lists):\n%s", diff)
	}
}
