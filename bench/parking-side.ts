/** A side that never spins: what the spinning of the others is held against. */
import './without-spinning.ts'
import './side.ts'
