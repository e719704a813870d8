using Orleans;

namespace Kine.Grains.Embedded;

/// <summary>The grain classes and references of a process: the one table to extend when a grain is added.</summary>
public sealed class GrainCatalog
{
    private readonly Dictionary<Type, GrainClass> _classes = [];
    private readonly Dictionary<Type, (GrainClass Class, Func<CallRoute, object> Reference)> _grains = [];
    private readonly Dictionary<Type, Func<CallRoute, object>> _observers = [];

    internal IEnumerable<GrainClass> Classes => _classes.Values;

    /// <summary>Adds a grain. Without <paramref name="reference"/> its calls go through reflection, fit for a few thousand a second.</summary>
    public GrainCatalog AddGrain<TInterface, TGrain>(Func<CallRoute, TInterface>? reference = null)
        where TInterface : class, IGrain
        where TGrain : class, TInterface
    {
        if (!_classes.TryGetValue(typeof(TGrain), out var grainClass))
        {
            _classes.Add(typeof(TGrain), grainClass = new GrainClass(typeof(TGrain)));
        }

        _grains.Add(typeof(TInterface), (grainClass, reference ?? DispatchReference.Create<TInterface>));
        return this;
    }

    /// <summary>Adds a hand-written reference for an observer interface. Interfaces not added here go through reflection.</summary>
    public GrainCatalog AddObserver<TInterface>(Func<CallRoute, TInterface> reference)
        where TInterface : class, IGrainObserver
    {
        _observers.Add(typeof(TInterface), reference);
        return this;
    }

    /// <exception cref="ArgumentException">The interface is not in the table.</exception>
    internal (GrainClass Class, Func<CallRoute, object> Reference) Grain(Type grainInterface) =>
        _grains.TryGetValue(grainInterface, out var entry)
            ? entry
            : throw new ArgumentException($"No grain class is registered for {grainInterface}.");

    internal object ObserverReference<TInterface>(CallRoute route) =>
        _observers.TryGetValue(typeof(TInterface), out var reference) ? reference(route) : DispatchReference.Create<TInterface>(route)!;
}
