using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>The route to one observer, until it is closed.</summary>
internal sealed class ObserverRoute(ObserverTarget target, GrainId id) : CallRoute
{
    public override GrainId GrainId => id;

    public void Close() => target.Close();

    internal override void Send(ICall call) => target.Send(call);
}
