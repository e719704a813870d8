using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>
/// Ends the process when its silo cannot go on: the others took it for dead while it was paused or cut off, and whoever supervises it starts it
/// again. What it was asked meanwhile the fence of the store has kept from being a wrong answer.
/// </summary>
internal sealed class LostSilo(ProcessFailure failure) : IFatalErrorHandler
{
    public bool IsUnexpected(Exception exception) => true;

    public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null) => failure.ReportLost(
        exception is null
            ? "the other processes on this store took this one for dead: for seconds it did not answer, or could not be reached; it ends, to be started again"
            : $"this process cannot stay in the cluster of those on this store: {exception.Message}");
}
