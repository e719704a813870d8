using System.Globalization;
using Orleans;
using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>Gives references to the grains of this process.</summary>
internal sealed class GrainFactory(GrainHost host, GrainCatalog catalog) : IGrainFactory
{
    private long _observers;

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey) where TGrainInterface : IGrainWithStringKey
    {
        ArgumentException.ThrowIfNullOrEmpty(primaryKey);
        return host.Reference<TGrainInterface>(primaryKey);
    }

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey) where TGrainInterface : IGrainWithIntegerKey =>
        host.Reference<TGrainInterface>(primaryKey.ToString(CultureInfo.InvariantCulture));

    public TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        ArgumentNullException.ThrowIfNull(obj);
        if (obj is not TGrainObserverInterface)
        {
            throw new ArgumentException($"{obj.GetType()} is no {typeof(TGrainObserverInterface)}.", nameof(obj));
        }

        var id = new GrainId(obj.GetType().FullName!, Interlocked.Increment(ref _observers).ToString(CultureInfo.InvariantCulture));
        var route = new ObserverRoute(new ObserverTarget(obj, host.Logger), id);
        return (TGrainObserverInterface)catalog.ObserverReference<TGrainObserverInterface>(route);
    }

    public void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj) where TGrainObserverInterface : IGrainObserver
    {
        if ((obj as IGrainReference)?.Route is not ObserverRoute route)
        {
            throw new ArgumentException("Not a reference to an observer.", nameof(obj));
        }

        route.Close();
    }
}
