using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>Where the calls of a reference go. References of one grain have equal routes.</summary>
public abstract class CallRoute
{
    /// <summary>The grain or observer that is addressed.</summary>
    public abstract GrainId GrainId { get; }

    internal abstract void Send(ICall call);
}
