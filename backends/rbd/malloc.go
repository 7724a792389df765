//go:build ceph

package rbd

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>

// With an arena for each thread that calls librbd, each keeps the buffers of
// the largest request it ever made: an add of 1 GiB then takes 30 MiB more.
// glibc heeds this only before there is a second thread.
__attribute__((constructor)) static void one_arena(void) { mallopt(M_ARENA_MAX, 1); }
#endif
*/
import "C"
