package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"glancefs/backends"
)

// verification is one run of verify.
type verification struct {
	flags   *verifyFlags
	limiter *rate.Limiter // bytes
	tasks   []*verifyTask
	rows    []*verifyRow
	bar     *progressbar.ProgressBar
}

type verifyTask struct {
	in  *backends.Instance
	row *verifyRow
}

// collect finds the images that are meant: in the order of the stores, and
// of their names.
func (v *verification) collect(ctx context.Context, set *backends.Set, targets []string) error {
	if len(targets) == 0 {
		for _, in := range set.Instances() {
			v.collectStore(ctx, in)
		}
	}
	for _, target := range targets {
		store, name, isImage := strings.Cut(target, "/")
		in, err := named(set, store)
		if err != nil {
			return err
		}
		if isImage {
			v.add(in, &verifyRow{Store: store, Name: name})
		} else {
			v.collectStore(ctx, in)
		}
	}
	return nil
}

func (v *verification) collectStore(ctx context.Context, in *backends.Instance) {
	images, err := listImages(ctx, in)
	if err != nil {
		v.rows = append(v.rows, &verifyRow{Store: in.Name(), Outcome: outcomeFailed, Detail: oneLine(err), err: err})
		return
	}
	for _, img := range images {
		v.add(in, &verifyRow{Store: in.Name(), Name: img.Name, Size: img.Size})
	}
}

func (v *verification) add(in *backends.Instance, row *verifyRow) {
	v.rows = append(v.rows, row)
	v.tasks = append(v.tasks, &verifyTask{in, row})
}

// run verifies the images, several at once.
func (v *verification) run(ctx context.Context) {
	var total int64
	for _, t := range v.tasks {
		total += t.row.Size
	}
	v.bar = newProgress("verify", cmp.Or(total, -1))
	defer v.bar.Close() // what it shows is not needed any more
	var group errgroup.Group
	group.SetLimit(v.flags.jobs)
	for _, t := range v.tasks {
		group.Go(func() error {
			t.row.Outcome, t.row.err = v.verify(ctx, t)
			if t.row.err != nil {
				t.row.Detail = oneLine(t.row.err)
			}
			return nil
		})
	}
	_ = group.Wait() // each row has its error
}

// verify verifies one image.
func (v *verification) verify(ctx context.Context, t *verifyTask) (outcome string, err error) {
	image, err := t.in.Open(ctx, t.row.Name)
	if err != nil {
		return outcomeFailed, err
	}
	defer image.Close() // only read
	img := image.Image()
	t.row.Size = img.Size
	algo := t.in.HashingAlgo()
	sums, err := image.Verify(ctx, []string{algo}, func(p []byte) error {
		_ = v.bar.Add(len(p)) // of stderr
		return v.limiter.WaitN(ctx, len(p))
	})
	switch {
	case errors.Is(err, backends.ErrMismatch):
		return outcomeMismatch, err
	case err != nil:
		return outcomeFailed, err
	}
	t.row.sum = sums[algo]
	switch {
	case img.Record != nil:
		return outcomeOK, nil
	case img.Stale:
		return outcomeStale, nil
	case !v.flags.record:
		return outcomeNone, nil
	}
	return v.keep(ctx, t.in, img, sums)
}

// keep keeps the digests of an image that has none.
func (v *verification) keep(ctx context.Context, in *backends.Instance, img backends.Image, sums map[string]string) (outcome string, err error) {
	err = in.KeepRecord(ctx, img, backends.Record{
		Size: img.Size, Mtime: img.Mtime,
		Checksum: sums["md5"], Multihash: sums[in.HashingAlgo()], HashingAlgo: in.HashingAlgo(),
	})
	if err != nil {
		return outcomeFailed, err
	}
	return outcomeRecorded, nil
}
