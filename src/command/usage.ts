/** What is wrong with the way the command was called: exit code 2. */
export class UsageError extends Error {}

export const HELP = `Usage: threadpipe [options] STAGE...

Runs stages on threads of their own, joined by pipes: from standard input to
standard output, or from and to files.

A STAGE is one of
  gzip, gunzip, brotli   compress, or decompress; gzip and brotli in parallel
  sha256, count          read everything, and print its SHA-256 or length
  PATH                   a module: export default ({ input, output }) => {...}
  parallel:PATH          a module: export default (chunk, index) => chunk
  'exec:COMMAND ARGS'    a child process; no shell is run, but quotes hold

Options
  --in FILE       reads FILE; - is standard input
  --out FILE      writes FILE, which appears when all has gone well; - is
                  standard output
  --threads N     threads of each parallel stage; as many as there are cores
  --chunk BYTES   bytes of each chunk of a parallel stage; 1M
  --capacity BYTES
                  bytes that a pipe between two stages holds; 1M
  --progress, --no-progress
                  a live table of the stages on standard error, by default when
                  that is a terminal
  --stats json    prints the figures on standard error, as one line of JSON
  --help          prints this
  --version       prints the version
  --              ends the options

BYTES may end in K, M or G, for KiB, MiB or GiB.

Exit codes: 0, 1 when the run has failed, 2 for wrong use, 130 after Ctrl-C.
`
