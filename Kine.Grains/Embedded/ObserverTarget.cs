using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>Calls an observer's methods one at a time, in order, until its address is deleted.</summary>
internal sealed class ObserverTarget(object observer, ILogger logger) : CallTarget(reentrant: false, logger)
{
    private volatile bool _closed;

    public override IGrainContext? Context => null;

    public override bool IsGone => _closed;

    protected override object? ReadyInstance => observer;

    public override void Arrive(ICall call)
    {
        if (_closed)
        {
            call.Reject(new ClientNotAvailableException("The observer's reference has been deleted."));
        }
        else
        {
            StartOrWait(call, observer);
        }
    }

    public void Close() => _closed = true;

    public override string ToString() => $"observer {observer.GetType().Name}";
}
