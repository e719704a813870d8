using System.Reflection;

namespace Kine.Grains.Embedded;

/// <summary>A reference made by reflection, for interfaces that are called rarely.</summary>
internal class DispatchReference : DispatchProxy, IGrainReference
{
    public CallRoute Route { get; private set; } = null!;

    public static TInterface Create<TInterface>(CallRoute route)
    {
        var reference = (DispatchReference)Create(typeof(TInterface), typeof(DispatchReference));
        reference.Route = route;
        return (TInterface)(object)reference;
    }

    public override bool Equals(object? obj) => obj is IGrainReference other && Route.Equals(other.Route);

    public override int GetHashCode() => Route.GetHashCode();

    public override string ToString() => Route.GrainId.ToString();

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        DispatchedMethod.Of(targetMethod!).Call(Route, args ?? []);
}
