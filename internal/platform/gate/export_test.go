package gate

// EnterScript lets the benchmark run the script without what is around it.
const EnterScript = enterScript
