// Go's io.Pipe under the same loads as threadpipe.
//
//	pipe rendezvous SIZE   one goroutine writes SIZE bytes at a time, another reads; ns per write
//	pipe alone SIZE        one goroutine fills SIZE bytes and hashes them; ns per fill and hash
//	pipe work SIZE         one fills and writes, another reads and hashes; ns per write
//	pipe fill SIZE         only fills; ns
//	pipe hash SIZE         only hashes; ns
//	pipe chain SIZE        eight goroutines in a row, of which six pass on what the first writes; ns per write
//
// Reads a line with a number of ms, measures for so long, writes a line with the figure; until its input ends.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// Each byte depends on the one before it, so that the compiler cannot do several at once: about 1.5 ns a byte.
func fill(bytes []byte, seed uint32) {
	for i := range bytes {
		seed = seed*1664525 + 1013904223
		bytes[i] = byte(seed >> 24)
	}
}

// About 0.9 ns a byte.
func hash(bytes []byte) uint32 {
	h := uint32(0)
	for _, b := range bytes {
		h = h*31 + uint32(b)
	}
	return h
}

var sink uint32

// measure repeats once for so many ms. It returns ns per call.
func measure(once func(), ms float64) float64 {
	once()
	start := time.Now()
	limit := time.Duration(ms * 1e6)
	count, batch := 0, 1
	for {
		for i := 0; i < batch; i++ {
			once()
		}
		count += batch
		elapsed := time.Since(start)
		if elapsed >= limit {
			return float64(elapsed.Nanoseconds()) / float64(count)
		}
		if elapsed < time.Duration(count)*100*time.Microsecond && batch < 1024 {
			batch *= 2
		}
	}
}

// drain reads until the end, and gives what it reads to after. It returns what tells that it is done.
func drain(reader *io.PipeReader, size int, after func([]byte)) chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		target := make([]byte, size)
		for {
			n, err := reader.Read(target)
			if err != nil {
				return
			}
			after(target[:n])
		}
	}()
	return done
}

// writing writes again and again what before has put there, until the time is up, and waits for the reader.
func writing(writer *io.PipeWriter, size int, before func([]byte), done chan struct{}, ms float64) float64 {
	source := make([]byte, size)
	figure := measure(func() {
		before(source)
		if _, err := writer.Write(source); err != nil {
			panic(err)
		}
	}, ms)
	writer.Close()
	<-done
	return figure
}

func nothing([]byte) {}

func piped(size int, before func([]byte), after func([]byte), ms float64) float64 {
	reader, writer := io.Pipe()
	return writing(writer, size, before, drain(reader, size, after), ms)
}

// chained writes to the first of a row of pipes, between which goroutines pass on what they read.
func chained(size, stages int, ms float64) float64 {
	first, writer := io.Pipe()
	reader := first
	for i := 1; i < stages-1; i++ {
		next, out := io.Pipe()
		go func(in *io.PipeReader) {
			target := make([]byte, size)
			for {
				n, err := in.Read(target)
				if err != nil {
					out.Close()
					return
				}
				if _, err := out.Write(target[:n]); err != nil {
					panic(err)
				}
			}
		}(reader)
		reader = next
	}
	return writing(writer, size, nothing, drain(reader, size, nothing), ms)
}

const stages = 8

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: pipe rendezvous|alone|work|fill|hash|chain SIZE")
		os.Exit(2)
	}
	size, err := strconv.Atoi(os.Args[2])
	if err != nil || size < 1 {
		fmt.Fprintf(os.Stderr, "SIZE must be a positive number, not %s\n", os.Args[2])
		os.Exit(2)
	}
	bytes := make([]byte, size)
	filled := func(b []byte) { fill(b, 1) }
	hashed := func(b []byte) { sink += hash(b) }
	modes := map[string]func(ms float64) float64{
		"rendezvous": func(ms float64) float64 { return piped(size, nothing, nothing, ms) },
		"work":       func(ms float64) float64 { return piped(size, filled, hashed, ms) },
		"alone":      func(ms float64) float64 { return measure(func() { filled(bytes); hashed(bytes) }, ms) },
		"fill":       func(ms float64) float64 { return measure(func() { filled(bytes) }, ms) },
		"chain":      func(ms float64) float64 { return chained(size, stages, ms) },
		"hash":       func(ms float64) float64 { return measure(func() { hashed(bytes) }, ms) },
	}
	mode, known := modes[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "there is no mode %s\n", os.Args[1])
		os.Exit(2)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		ms, err := strconv.ParseFloat(lines.Text(), 64)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Printf("%.2f\n", mode(ms))
	}
}
