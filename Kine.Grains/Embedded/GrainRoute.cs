using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>The route to whatever activation the grain has, remembered between calls.</summary>
internal sealed class GrainRoute(GrainHost host, GrainClass grainClass, string key) : CallRoute, IEquatable<GrainRoute>
{
    private Activation? _last;

    public override GrainId GrainId => new(grainClass.Name, key);

    internal override void Send(ICall call)
    {
        var activation = _last;
        if (activation is null || activation.IsGone)
        {
            activation = host.Find(grainClass, key);
            if (activation is null)
            {
                call.Reject(GrainHost.NotRunning(GrainId));
                return;
            }

            _last = activation;
        }

        activation.Send(call);
    }

    public bool Equals(GrainRoute? other) =>
        other is not null && ReferenceEquals(grainClass, other.GrainClass) && key == other.Key;

    public override bool Equals(object? obj) => Equals(obj as GrainRoute);

    public override int GetHashCode() => HashCode.Combine(grainClass, key);

    private GrainClass GrainClass => grainClass;

    private string Key => key;
}
