/*
Package config reads glance-api.conf as Glance itself does: the INI dialect and
the value rules of oslo.config. It knows groups, options and values, but no
store driver: a driver declares its options as a struct, and Decode fills it.

# Reading

Load reads files and folders of *.conf in the order given; what is read later
wins. The dialect differs from most others:

  - A comment is a line that starts with # or ; — there are no inline comments,
    so the password a#b is a#b.
  - The first = or : ends the name. Space around name and value is dropped, then
    one pair of quotes around the whole value.
  - An indented line continues the value above it, joined with a newline. A
    comment or an empty line ends the value.
  - A group may be given more than once. Names of groups do not depend on case
    ([DEFAULT] does), names of options do.
  - Of a repeated option the last value counts. A []string with the tag
    multi:"true" has all of them, from all files, oldest first.
  - \ ` """ and %(x)s mean nothing.

Bad syntax is an error with file and line. Two things that an oslo.config program
also reads are left out: environment variables OS_GROUP__OPTION, and remote
configuration sources.

# References

$name and ${name} stand for another option's value: in the same group, else in
[DEFAULT]. ${group.name} names another group. $$ and \$ are a dollar sign.
What is inserted is the text of that option (oslo.config would print a bool as
True); one that is neither set in the files nor declared by the same struct is
an error, as an unregistered option is in oslo.config.

# Decoding

	type options struct {
		ChunkSize int           `option:"rbd_store_chunk_size" default:"8" min:"1" help:"MiB"`
		Timeout   time.Duration `option:"rados_connect_timeout" default:"0" help:"seconds"`
		Pool      string        `option:"rbd_store_pool" default:"images"`
	}
	var o options
	problems := c.Decode("ceph", []string{"backend_defaults"}, &o)

An option that the group does not set comes from the first fallback group that
sets it, else from its default tag. An option set to nothing (name =) is set: a
string is then empty, whatever the fallback says. Only a number can't be empty
and counts as not set. A bad value is a Problem, the field keeps its default,
and the other fields are filled all the same.

	tag         meaning
	option      the name in the file; a field without it is not an option
	deprecated  an older name that is accepted too
	default     the value when nothing sets it, written as in a file
	min, max    limits of a number, inclusive (seconds for a time.Duration)
	choices     the only values a string may have, separated by commas
	help        one line for the reader of the documentation

	field type         in the file
	string, Secret     any text
	bool               true 1 on yes, false 0 off no, in any case
	int, int64         decimal digits, with sign and 1_000 as in Python
	float64            a finite decimal number
	time.Duration      seconds, also with a fraction
	[]string           a,b,c (there is no quoting, so no item holds a comma)
	  multi:"true"     one value each time the option is given
	map[string]string  a:1,b:2

Embedded structs are part of the struct. A tag that can't be right (an
unsupported type, a default that does not parse) is a programming error and
panics. Unknown reports the options of a group that no struct declares, and
Options lists the declared ones.

# Stores

Stores reads [DEFAULT] enabled_backends and the reserved stores.
*/
package config
