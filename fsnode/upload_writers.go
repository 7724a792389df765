package fsnode

// involves tells whether a process opened the image or wrote to it.
func (u *upload) involves(tgid int) bool {
	if tgid == 0 {
		return false
	}
	if tgid == u.opener {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, writer := range u.tasks {
		if writer == tgid {
			return true
		}
	}
	return false
}

// noteWriter notes who wrote. Reading /proc costs 20 µs, so that is done
// once for a task, and not again for the one that opened the image.
func (u *upload) noteWriter(pid uint32) {
	u.mu.Lock()
	_, known := u.tasks[pid]
	u.fresh = true
	u.trailing = false
	u.mu.Unlock()
	if known {
		return
	}
	tgid := u.opener
	if pid != u.openedBy {
		tgid = threadGroup(pid)
	}
	u.mu.Lock()
	u.tasks[pid] = tgid
	u.mu.Unlock()
}

// othersWrote tells whether a process other than tgid wrote.
func (u *upload) othersWrote(tgid int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, writer := range u.tasks {
		if writer != tgid {
			return true
		}
	}
	return false
}

// written tells whether anything was written.
func (u *upload) written() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.tasks) > 0
}
