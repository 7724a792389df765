package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

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
	bar     *progress
}

type verifyTask struct {
	in  *backends.Instance
	row *verifyRow
}

// collect finds the images that are meant: in the order of the stores, and
// of their names.
func (v *verification) collect(ctx context.Context, stores *openedStores, targets []string) error {
	if len(targets) == 0 {
		for _, in := range stores.set.Instances() {
			v.collectStore(ctx, in)
		}
	}
	for _, target := range targets {
		store, name, isImage := strings.Cut(target, "/")
		in, err := stores.store(store)
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
	images, err := imageRows(ctx, in)
	if err != nil {
		v.rows = append(v.rows, &verifyRow{Store: in.Name(), Outcome: outcomeFailed, Detail: why(err), err: err})
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
	v.bar = newProgress(io.Discard, cmp.Or(total, -1), "verify")
	defer v.bar.Close()
	var group errgroup.Group
	group.SetLimit(v.flags.jobs)
	for _, t := range v.tasks {
		group.Go(func() error {
			t.row.Outcome, t.row.err = v.verify(ctx, t)
			if t.row.err != nil {
				t.row.Detail = why(t.row.err)
			}
			return nil
		})
	}
	_ = group.Wait() // each row has its error
}

// why tells the reason of an error, without the store and image that the row
// names anyway.
func why(err error) string {
	if e := (*backends.Error)(nil); errors.As(err, &e) {
		err = e.Err
	}
	return oneLine(err)
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
	sums, err := image.Verify(ctx, &throttle{v, ctx}, "md5", algo)
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

// throttle takes the bytes of an image at the pace that the limiter allows.
type throttle struct {
	*verification
	ctx context.Context
}

func (t *throttle) Write(p []byte) (int, error) {
	t.bar.advance(int64(len(p)))
	return len(p), t.limiter.WaitN(t.ctx, len(p))
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
