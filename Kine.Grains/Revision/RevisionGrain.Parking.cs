using Kine.Backends;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Revision;

// Requests whose outcome depends on a value that is only in the store.
public sealed partial class RevisionGrain
{
    // Only this operation waits; others that touch the same keys may overtake it, as concurrent requests may.
    private async Task FetchThenEvaluate(WriteOperation operation)
    {
        if (!await Fetch(operation))
        {
            SayIfDrained();
            return;
        }

        if (_ended is not null)
        {
            operation.Fail(_ended);
            return;
        }

        Evaluate(operation);
        if (!_appending)
        {
            _appending = true;
            await AppendAll();
        }
    }

    // False when the operation was answered, and so must not happen any more.
    private async Task<bool> Fetch(WriteOperation operation)
    {
        try
        {
            operation.Resume(await local.Values.Read(operation.Needs!, operation.TimeToPark(time, options.RequestTimeout), time));
            return true;
        }
        catch (Exception error) when (error is StoreUnavailableException or TimeoutException)
        {
            log.LogWarning("A value that a transaction depends on could not be read: {Reason}", error.Message);
            operation.Fail(EtcdErrors.TimedOut);
        }
        catch (StoreBrokenException error)
        {
            operation.Fail(EtcdErrors.ServerStopped);
            Break(error);
        }
        catch (Exception error)
        {
            operation.Fail(EtcdErrors.LeaderChanged);
            End(EtcdErrors.LeaderChanged, error, "Reading a value that a transaction depends on failed");
        }
        finally
        {
            _parked--;
            _waitingBytes -= operation.Size;
        }

        return false;
    }
}
