namespace Kine.Backends;

/// <summary>The store cannot be used as configured; the message is one sentence for the person who starts the server.</summary>
public sealed class StoreRefusedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The fence row names another holder, epoch or last revision: nothing was written, and this activation may not write again.</summary>
public sealed class FencedException(string message) : Exception(message);

/// <summary>The answer to an append was lost: it may or may not have landed.</summary>
public sealed class OutcomeUnknownException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The store could not be reached or refused for now; nothing was written.</summary>
public class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>There is no space for what was to be written, and nothing was. What makes room may be taken all the same: see <see cref="IRevisionStore.IsFull"/>.</summary>
public sealed class StoreFullException(string message, Exception? inner = null) : StoreUnavailableException(message, inner);

/// <summary>
/// The store's disk or file failed in a way that leaves open what is on it (an I/O error, a failed fsync, a corrupt page). Reading back proves
/// nothing after that: the process has to end and start again from what the disk really holds. Every later call fails with it too.
/// </summary>
public sealed class StoreBrokenException(string message, Exception? inner = null) : Exception(message, inner);
