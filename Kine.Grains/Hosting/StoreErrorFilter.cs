#if ORLEANS
using Kine.Backends;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Hosting;

/// <summary>
/// Answers a call that could not reach the store with "etcdserver: request timed out": exceptions of the store do not travel between silos. Its reason stays in
/// the log of the silo that met it.
/// </summary>
internal sealed class StoreErrorFilter(ILogger<StoreErrorFilter> log) : IIncomingGrainCallFilter
{
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        try
        {
            await context.Invoke();
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning("{Grain}.{Method} could not reach the store: {Reason}", context.TargetId, context.MethodName, error.Message);
            throw EtcdErrors.TimedOut;
        }
    }
}
#endif
